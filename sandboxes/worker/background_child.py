"""Turn a fork of the worker into a background run, and wait for its end."""

from __future__ import annotations

import ctypes
import gc
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from bellglass.sandboxes.common.process import keep_descendants, set_oom_score
from bellglass.sandboxes.wire.packets import Packets

if TYPE_CHECKING:
    from bellglass.sandboxes.wire.schema.packets import BeginRun, PipesMade

PR_SET_DUMPABLE = 4  # include/uapi/linux/prctl.h


def connect(request: BeginRun, control: Packets, outputs: tuple[int, int]) -> None:
    """Replace the pipes and the socket of the session by new ones of the run.

    `control` is the worker's socket; it has copies of stdout and stderr at `outputs`.

    Raises:
        OSError, EOFError: The supervisor has given up, or there are no more descriptors.
    """
    try:
        os.setpgid(0, 0)  # so that an interrupt reaches the whole run, and not the session
    except OSError:
        pass  # it already leads a group
    keep_descendants()
    set_oom_score(1000)
    ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 1, 0, 0, 0)  # the supervisor opens the pipes in /proc
    pipes = [os.pipe(), os.pipe()]
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as end:
        end.connect(f"\0{request['name']}")
        made: PipesMade = {
            "type": "pipes",
            "nonce": request["nonce"],
            "out": pipes[0][0],
            "err": pipes[1][0],
        }
        packets = Packets(end)
        packets.send(made)
        packets.receive()  # it has opened them
        os.dup2(end.fileno(), control.socket.fileno(), inheritable=False)
    for (reader, writer), copy, number in zip(pipes, outputs, (1, 2)):
        os.dup2(writer, number)
        os.dup2(writer, copy, inheritable=False)
        os.close(reader)
        os.close(writer)


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
