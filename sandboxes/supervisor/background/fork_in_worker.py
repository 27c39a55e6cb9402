"""Begin a background run of Python: the session's worker forks the process that runs it."""

from __future__ import annotations

import errno
import select
import time
from typing import TYPE_CHECKING, Any

from bellglass.sandboxes.supervisor.job import MESSAGE_TIMEOUT_SECONDS
from bellglass.sandboxes.supervisor.worker_process import WorkerProcess
from bellglass.sandboxes.supervisor.worker_socket import Smuggled

if TYPE_CHECKING:
    from bellglass.sandboxes.wire.schema.packets import BeginRun

HAND_OVER_TIMEOUT_SECONDS = 5.0
"""Seconds to wait for room for descriptors in transit, which the kernel counts over all processes
of one user: another session may use them all. A call on a busy machine takes longer."""


def fork_in_worker(python: WorkerProcess, asked: BeginRun, descriptors: tuple[int, ...]) -> int:
    """Have the worker fork a process that runs code on these descriptors; return its pid.

    Raises:
        BlockingIOError: No process can be created.
        TimeoutError: The worker does not answer.
    """
    try:
        python.worker.control.hand_over(asked, descriptors, HAND_OVER_TIMEOUT_SECONDS)
    except OSError as exc:
        if exc.errno != errno.ETOOMANYREFS:
            raise
        reason = "too much is under way on this machine; try again"
        raise OSError(exc.errno, reason) from exc
    deadline = time.monotonic() + MESSAGE_TIMEOUT_SECONDS
    while True:
        left = deadline - time.monotonic()
        if not select.select([python.control], [], [], max(0.0, left))[0]:
            raise TimeoutError
        try:
            message = python.worker.control.next()
        except (EOFError, Smuggled):
            raise TimeoutError from None
        if (
            message is not None
            and message.get("type") == "run_begun"
            and message.get("nonce") == asked["nonce"]
        ):
            pid: Any = message.get("pid")
            if not python.is_new_child(pid):
                raise BlockingIOError  # fork failed, or the pid is no new one
            return int(pid)
