"""In a fork of the session's Python: how it becomes a background run, and when it is over."""

from __future__ import annotations

import gc
import os
import signal
import sys
import threading
from collections.abc import Callable
from typing import Any

from bellglass.sandboxes.common.process import keep_descendants, set_oom_score


def take_over(descriptors: list[int], control: int, outputs: tuple[int, int]) -> None:
    """Put the pipes and the socket of the run in the place of those of the session.

    `control` is where the worker has its socket, `outputs` where it has copies of stdout, stderr.
    """
    try:
        os.setpgid(0, 0)  # to be interrupted as a whole, without the session
    except OSError:
        pass  # the leader of a group already
    keep_descendants()
    set_oom_score(1000)
    out, err, socket = descriptors
    for fd, copy, number in ((out, outputs[0], 1), (err, outputs[1], 2)):
        os.dup2(fd, number)
        os.dup2(fd, copy, inheritable=False)
    os.dup2(socket, control, inheritable=False)
    for fd in descriptors:
        os.close(fd)


def wait_for_descendants() -> None:
    """Return when what a program waits for at its end has ended, and what Popen started.

    So a server that the code started goes on, and a pool of processes that nobody closed does not.
    """
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    for end in (_threads, _multiprocessing, _programs):
        try:
            end()
        except Exception:
            pass  # of foreign code, or a part of the library that it has changed


def _threads() -> None:
    # What the interpreter itself does at its end: it shuts down idle pools of threads too.
    shutdown: Callable[[], None] = threading._shutdown  # type: ignore[attr-defined]
    shutdown()


def _multiprocessing() -> None:
    multiprocessing = sys.modules.get("multiprocessing")
    for process in multiprocessing.active_children() if multiprocessing is not None else ():
        if process.daemon:
            process.terminate()
        process.join()


def _programs() -> None:
    subprocess: Any = sys.modules.get("subprocess")
    if subprocess is None:
        return
    # A Popen that was collected while its program ran lies in `_active`.
    for thing in [*gc.get_objects(), *(getattr(subprocess, "_active", None) or ())]:
        if type(thing) is subprocess.Popen and thing.returncode is None:
            try:
                os.waitpid(thing.pid, 0)
            except ChildProcessError:
                pass  # of the session, not of this run
