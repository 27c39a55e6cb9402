"""Turn a fork of the worker into a background run, and wait for its end."""

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
    """Replace the pipes and the socket of the session by those of the run.

    The worker has its socket at `control`, and copies of stdout and stderr at `outputs`.
    """
    try:
        os.setpgid(0, 0)  # so that an interrupt reaches the whole run, and not the session
    except OSError:
        pass  # it already leads a group
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
    """Return when the threads and processes that Python waits for at exit have ended, and Popens.

    So a server that the code started goes on, and a pool of processes that nobody closed does not.
    """
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    for end in (_threads, _multiprocessing, _programs):
        try:
            end()
        except Exception:
            pass  # it is foreign code, or a part of the library that foreign code changed


def _threads() -> None:
    # What the interpreter itself does at exit, which also shuts down idle pools of threads.
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
    # A Popen that was garbage-collected while its program ran lies in `_active`.
    for thing in [*gc.get_objects(), *(getattr(subprocess, "_active", None) or ())]:
        if type(thing) is subprocess.Popen and thing.returncode is None:
            try:
                os.waitpid(thing.pid, 0)
            except ChildProcessError:
                pass  # it belongs to the session, not to this run
