"""The exit status of a call: our own verdict, or else what the process reports."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bellglass.sandboxes.wire.schema.basics import Status
    from bellglass.sandboxes.wire.schema.execution import Outcome
    from bellglass.sandboxes.wire.schema.packets import Answered

CRASHES = (signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS, signal.SIGFPE, signal.SIGILL)

ONE_SHOT: dict[int, Status] = {0: "ok", 70: "error"}
"""The exit codes of `job.start`."""


def ended_by(status: int | None) -> int:
    """Return the signal of a wait status, or 0."""
    return os.WTERMSIG(status) if status is not None and os.WIFSIGNALED(status) else 0


def outcome(
    op: str, verdict: Status | None, answer: Answered | None, status: int | None
) -> Outcome:
    """Return status, exit code and signal.

    `answer` is the worker's own report, `status` the wait status of a process that ended.
    """
    number = ended_by(status)
    code = os.WEXITSTATUS(status) if status is not None and os.WIFEXITED(status) else None
    if number and verdict in (None, "oom"):
        code = 128 + number  # the exit code that a shell reports
    name: Status
    if verdict is not None:
        name = verdict
    elif answer is not None:
        name = answer["status"]
        code = answer["exit_code"]
    elif number:
        name = "crashed" if number in CRASHES else "killed"
    elif op == "python":
        name = "crashed"
    elif op == "bash":
        name = "exit" if code else "ok"
    else:
        name = ONE_SHOT.get(code or 0, "crashed")
    return {
        "status": name,
        "exit_code": code,
        "signal": _name(number) if number else None,
    }


def _name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"SIGRTMIN+{number - signal.SIGRTMIN}"
