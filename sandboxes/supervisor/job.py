"""A child process that runs a request: how it is started, and the parent's ends of it."""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import socket
from collections.abc import Callable, Mapping, Sequence
from typing import NoReturn

from bellglass.sandboxes.common.process import (
    DEFAULT_SIGNALS,
    KEPT_FD_OFFSET,
    RESERVED_DESCRIPTORS,
    set_oom_score,
)
from bellglass.sandboxes.supervisor import processes
from bellglass.sandboxes.supervisor.worker_socket import WorkerSocket
from bellglass.sandboxes.wire.packets import Packets

LIBC = ctypes.CDLL(None, use_errno=True)
PR_SET_DUMPABLE = 4  # include/uapi/linux/prctl.h

MESSAGE_TIMEOUT_SECONDS = 2.0
"""Seconds that PID 1 waits for a process to take a message, which takes microseconds."""


class Job:
    """One child process with its two output pipes and its control socket."""

    def __init__(self, pid: int, out: int, err: int, control: WorkerSocket) -> None:
        self.pid = pid
        self.out = out
        self.err = err
        self.control = control
        self.status: int | None = None
        """The wait status, once it has ended."""

    @property
    def ended(self) -> bool:
        return self.status is not None

    @property
    def exit_code(self) -> int | None:
        if self.status is None or not os.WIFEXITED(self.status):
            return None
        return os.WEXITSTATUS(self.status)

    def note_ended(self, ended: processes.Ended) -> None:
        if self.pid in ended:
            self.status = ended[self.pid].status

    def close(self) -> None:
        for fd in (self.out, self.err):
            if fd >= 0:
                os.close(fd)
        self.out = self.err = -1
        self.control.close()


def start(
    main: Callable[[Packets], None], keep: Sequence[int] = (), *, is_ours: bool = False
) -> Job:
    """Fork a child that runs `main` with fresh pipes and a control socket, and then exits.

    The child has the sandbox's confinement and the descriptors in `keep`, and shares nothing else
    with us. With `is_ours` it runs no foreign code, and is not dumpable from the start.

    Raises:
        OSError: No process can be created.
    """

    def fork(out: int, err: int, control: socket.socket) -> int:
        pid = os.fork()
        if pid == 0:
            _become(out, err, control, main, keep, is_ours)
        return pid

    return start_with_pipes(fork)


def start_program(argv: list[str], environment: dict[str, str], keep: Mapping[int, int]) -> Job:
    """Start a program; `keep` maps its descriptors to ours.

    This is no fork, which would copy the page tables of a process that has much imported.

    Raises:
        OSError: No process can be created.
    """

    def spawn(out: int, err: int, control: socket.socket) -> int:
        return os.posix_spawnp(
            argv[0],
            argv,
            environment,
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                (os.POSIX_SPAWN_DUP2, out, 1),
                (os.POSIX_SPAWN_DUP2, err, 2),
                *((os.POSIX_SPAWN_DUP2, fd, number) for number, fd in keep.items()),
            ],
            setsid=True,
            setsigmask=[],
            setsigdef=[*DEFAULT_SIGNALS, signal.SIGPIPE],
        )

    return start_with_pipes(spawn)


def start_with_pipes(start_child: Callable[[int, int, socket.socket], int]) -> Job:
    """Start a child with `start_child`, which gets the far ends of its pipes and control socket."""
    out_read, out_write = os.pipe()
    err_read, err_write = os.pipe()
    ours, theirs = Packets.pair()
    try:
        pid = start_child(out_write, err_write, theirs)
    except OSError:
        os.close(out_read)
        os.close(err_read)
        ours.close()
        raise
    finally:
        os.close(out_write)
        os.close(err_write)
        theirs.close()
    for fd in (out_read, err_read):
        os.set_blocking(fd, False)
    return Job(pid, out_read, err_read, WorkerSocket(ours, MESSAGE_TIMEOUT_SECONDS))


def _become(
    out: int,
    err: int,
    control: socket.socket,
    main: Callable[[Packets], None],
    keep: Sequence[int],
    is_ours: bool,
) -> NoReturn:
    code = 70  # EX_SOFTWARE: our own code failed
    try:
        os.setsid()
        top = _top_descriptor()
        null = os.open("/dev/null", os.O_RDONLY)
        os.dup2(null, 0)
        os.dup2(out, 1)
        os.dup2(err, 2)
        os.dup2(control.detach(), top, inheritable=False)
        for number, fd in enumerate(keep):
            os.dup2(fd, top + KEPT_FD_OFFSET + number, inheritable=False)
        # Everything else of PID 1 is closed, above all the stream to the server.
        os.closerange(3, top)
        os.closerange(top + 1, top + KEPT_FD_OFFSET)
        os.closerange(top + KEPT_FD_OFFSET + len(keep), 1 << 20)
        signal.set_wakeup_fd(-1)
        for number in DEFAULT_SIGNALS:
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, [])
        if not is_ours:
            # PID 1 is not dumpable. Foreign code may inspect its own process; a job of ours stays
            # not dumpable, and so cannot raise its own OOM score: its children do.
            LIBC.prctl(PR_SET_DUMPABLE, 1, 0, 0, 0)
            set_oom_score(1000)
        main(Packets(socket.socket(fileno=top)))
        code = 0
    except SystemExit as exc:
        code = exc.code if isinstance(exc.code, int) else 1
    finally:
        os._exit(code)


def _top_descriptor() -> int:
    soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return min(soft, 4096) - RESERVED_DESCRIPTORS
