"""Begin a background run of Python: the session's worker forks the process that runs it.

No descriptor is passed for that. The kernel counts descriptors in transit over all processes of one
user, and so over all sessions of a server that root does not run: one session could keep all others
from beginning a run. So the new process makes its own pipes, which we open through /proc, and
connects its own socket.
"""

from __future__ import annotations

import os
import select
import socket
import stat
import struct
import time
from typing import TYPE_CHECKING, Any

from bellglass.sandboxes.supervisor.job import MESSAGE_TIMEOUT_SECONDS, Job
from bellglass.sandboxes.supervisor.worker_process import WorkerProcess
from bellglass.sandboxes.supervisor.worker_socket import Smuggled, WorkerSocket

if TYPE_CHECKING:
    from bellglass.sandboxes.wire.schema.packets import BeginRun, Claim, PipesTaken

_CREDENTIALS = struct.Struct("3i")  # struct ucred: pid, uid, gid


class PythonStart:
    """Takes the connections of new processes, on one socket for all runs of the session."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.name = os.urandom(16).hex()
        """Its name in the abstract namespace, which nothing outside of the sandbox can reach."""
        self._socket.bind(f"\0{self.name}")
        self._socket.listen()
        self._socket.setblocking(False)

    def begin(self, python: WorkerProcess, asked: BeginRun) -> Job:
        """Have the worker fork a process that runs code; return it with its pipes and socket.

        Raises:
            BlockingIOError: No process can be created.
            TimeoutError: The worker, or the new process, does not answer.
        """
        python.worker.control.send(asked)
        deadline = time.monotonic() + MESSAGE_TIMEOUT_SECONDS
        begun = _answer(python.worker.control, "run_begun", asked["nonce"], deadline)
        pid: Any = begun.get("pid")
        if not python.is_new_child(pid):
            raise BlockingIOError  # fork failed, or the pid is no new one
        while True:
            _wait(self._socket.fileno(), deadline)
            control = WorkerSocket(self._socket.accept()[0], MESSAGE_TIMEOUT_SECONDS)
            # gVisor answers with the process that asks.
            if _peer(control.socket) in (pid, os.getpid()):
                return _job(pid, control, asked["nonce"], deadline)
            control.close()


def _job(pid: int, control: WorkerSocket, nonce: str, deadline: float) -> Job:
    job = Job(pid, -1, -1, control)
    try:
        made = _answer(control, "pipes", nonce, deadline)
        job.out = _open_pipe(pid, made.get("out"))
        job.err = _open_pipe(pid, made.get("err"))
        taken: PipesTaken = {"type": "pipes_taken", "nonce": nonce}
        control.send(taken)
    except OSError:
        job.close()
        raise TimeoutError from None
    return job


def _answer(control: WorkerSocket, kind: str, nonce: str, deadline: float) -> Claim:
    """Return the packet of this kind that answers to `nonce`; drop what comes before it."""
    while True:
        _wait(control.socket.fileno(), deadline)
        try:
            packet = control.next()
        except (EOFError, Smuggled):
            raise TimeoutError from None
        if packet is not None and packet.get("type") == kind and packet.get("nonce") == nonce:
            return packet


def _wait(fd: int, deadline: float) -> None:
    if not select.select([fd], [], [], max(0.0, deadline - time.monotonic()))[0]:
        raise TimeoutError


def _peer(end: socket.socket) -> int:
    """Return the process that connected."""
    found = end.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    return int(_CREDENTIALS.unpack(found)[0])


def _open_pipe(pid: int, number: object) -> int:
    """Open, to read, the pipe that another process has open at this number.

    Raises:
        OSError: It has no pipe there. Anything else is not opened, because that could block.
    """
    if type(number) is not int:
        raise OSError
    found = os.open(f"/proc/{pid}/fd/{number}", os.O_PATH | os.O_CLOEXEC)
    try:
        if not stat.S_ISFIFO(os.fstat(found).st_mode):
            raise OSError
        return os.open(f"/proc/self/fd/{found}", os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    finally:
        os.close(found)
