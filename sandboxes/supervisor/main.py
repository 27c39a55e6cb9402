"""PID 1 of a sandbox: serve requests, and supervise the processes that run foreign code.

It never runs foreign code itself. It alone holds the stream to the server, and it is not dumpable,
so that nothing inside can read or write that stream.
"""

from __future__ import annotations

import ctypes
import os
import signal
import time
from typing import TYPE_CHECKING, Any, NoReturn, cast

from bellglass.sandboxes.common import late_packages, packages
from bellglass.sandboxes.common.lent_copies import LentCopy
from bellglass.sandboxes.supervisor import processes, self_check
from bellglass.sandboxes.supervisor.accounting import LOOK_INTERVAL_SECONDS
from bellglass.sandboxes.supervisor.accounting.group_counters import GroupCounters
from bellglass.sandboxes.supervisor.accounting.kernel_memory import KernelMemory
from bellglass.sandboxes.supervisor.background.runs import Runs
from bellglass.sandboxes.supervisor.calls.calls import Calls
from bellglass.sandboxes.supervisor.calls.process_reaper import ProcessReaper
from bellglass.sandboxes.supervisor.fd_poller import FdPoller
from bellglass.sandboxes.supervisor.job import PR_SET_DUMPABLE
from bellglass.sandboxes.supervisor.relay.relay import Relay
from bellglass.sandboxes.supervisor.server_stream import ServerStream
from bellglass.sandboxes.supervisor.worker_process import WorkerMain, WorkerProcess

if TYPE_CHECKING:
    from bellglass.sandboxes.wire.schema.basics import Unanswered, VariableState
    from bellglass.sandboxes.wire.schema.frames import Ready
    from bellglass.sandboxes.wire.schema.requests import Call, OpenNetwork, Request

LIBC = ctypes.CDLL(None, use_errno=True)

MAX_REPORTED_FAULTS = 3
"""Errors of ours that one reply reports."""

FAULT_DELAY_SECONDS = 0.05
"""Pause after an error, so that a lasting cause does not occupy a processor."""


class Supervisor:
    """The loop between calls: takes one request at a time, and handles events meanwhile."""

    def __init__(self, stream: ServerStream, config: dict[str, Any], worker: WorkerMain) -> None:
        limits: dict[str, int] = config["limits"]
        group = GroupCounters(config.get("memory_events_fd"), config.get("cpu_time_fd"))
        self._stream = stream
        self._wakeup = _wakeup_fd()
        self._poller = FdPoller()
        self._asked = False
        """Whether the server has sent something."""
        self._faults: list[str] = []
        """Errors of ours that no reply has reported yet."""
        self._relay = Relay(stream.send, self._poller)
        self._state: VariableState = "kept"
        """The state of the variables after the last call."""
        self._unanswered: Unanswered | None = None
        """How the last call ended, if the server that it was for was gone."""
        self._python = WorkerProcess(worker, limits, lambda ended: self._reaper.note_ended(ended))
        kernel_memory = KernelMemory(limits, config.get("locks_fd"))
        self._runs = Runs(
            stream,
            self._poller,
            limits,
            self._python.pids,
            group.oom_kills,
            kernel_memory,
        )
        self._reaper = ProcessReaper(self._python, self._runs)
        self._calls = Calls(
            stream,
            limits,
            group,
            wakeup=self._wakeup,
            poller=self._poller,
            relay=self._relay,
            python=self._python,
            runs=self._runs,
            reaper=self._reaper,
            copies=[
                *(LentCopy(*copy) for copy in config.get("copies", [])),
                *(LentCopy("", path, path, "") for path in config.get("writable", [])),
            ],
        )

    def serve(self) -> NoReturn:
        while True:
            try:
                self._go_on()
            except Exception as exc:
                # Nothing that comes from inside may end process 1, and with it the session.
                self._note_fault(exc)
                time.sleep(FAULT_DELAY_SECONDS)

    def _go_on(self) -> None:
        """Wait for events and handle them, then handle the requests of the server."""
        if self._stream.connected:
            self._poller.add(self._stream.read_fd, self._note_asked)
        if self._stream.attach_fd is not None:
            self._poller.add(self._stream.attach_fd, self._take_attach)
        self._poller.add(self._wakeup, self._reap)
        # Done each time, since a request may have replaced the worker and its socket.
        control = self._python.control
        if not self._python.worker.ended:
            self._poller.add(control, self._take_from_worker, self._end_worker)
        try:
            self._poller.wait(self._runs.wait_ms(self._python.rest_ms()))
        finally:
            self._poller.remove(control)
        self._runs.tick(time.monotonic(), alone=True)
        if self._python.rest_ms() == 0:
            self._python.end()
        if self._runs.unsettled:
            self._runs.unsettled = self._reaper.settled = False
        self._reaper.settle()
        if self._asked:
            self._asked = False
            self._serve_some()
        if self._stream.handover_nonce is not None:
            self._resume(self._stream.handover_nonce)

    def _note_asked(self, _: int) -> None:
        self._asked = True

    def _take_attach(self, fd: int) -> None:
        """Take the stream of another server, also during a call, which then ends."""
        if not self._stream.take_attach():
            os._exit(0)  # as PID 1: the kernel then ends the whole sandbox
        if self._stream.attach_fd is None:
            self._poller.remove(fd)

    def _reap(self, _: int) -> None:
        try:
            os.read(self._wakeup, 4096)
        except BlockingIOError:
            pass
        self._reaper.note_ended(processes.reap())

    def _take_from_worker(self, _: int) -> None:
        if not self._python.take():
            self._python.end()

    def _end_worker(self, _: int) -> None:
        self._python.end()

    def _note_fault(self, exc: Exception) -> None:
        text = f"The supervisor of the sandbox had an error and went on: {exc!r}"[:500]
        if text not in self._faults and len(self._faults) < MAX_REPORTED_FAULTS:
            self._faults.append(text)

    def _serve_some(self) -> None:
        if not self._stream.read():
            if not self._stream.cut():
                os._exit(0)  # as PID 1: the kernel then ends the whole sandbox
            self._poller.remove(self._stream.read_fd)
        while self._stream.waiting:
            try:
                self._handle(self._stream.take())
            except Exception as exc:
                self._note_fault(exc)

    def _handle(self, request: Request) -> None:
        if request["op"] == "network":
            self._open_network(request)
        elif request["op"] == "runs":
            self._runs.answer(request)
        elif request["op"] == "resume":
            self._stream.handover_nonce = request["nonce"]
        elif request["op"] == "net":
            self._relay.take(request)
        elif request["op"] != "cancel":  # a cancellation may refer to a call that has just ended
            self._answer(request)

    def _resume(self, nonce: str) -> None:
        """Send the self-check again to a server that re-attaches, with the state of the session."""
        self._stream.take_over()
        # The new server recognizes this frame by its nonce among frames it did not ask for.
        beginning = {"type": "ready", "nonce": nonce}
        ready = {
            **beginning,
            **self_check.ready(),
            "state": self._state,
            "runs": self._runs.known(),
            "unanswered": self._unanswered,
        }
        self._stream.send(cast("Ready", ready))

    def _open_network(self, request: OpenNetwork) -> None:
        """Let programs reach the server's proxy; before the first request."""
        self._relay.listen(request["port"])
        self._calls.adopt({**packages.make(), **request["environment"]})

    def _answer(self, request: Call) -> None:
        late_packages.find()
        began = time.monotonic()
        execution = self._calls.execute(request)
        ran_seconds = time.monotonic() - began
        execution["notices"] = [*execution.get("notices", []), *self._faults]
        self._faults = []
        self._state = execution.get("state", "kept")
        self._unanswered = "finished" if self._stream.abandoned else None
        if execution["status"] == "cancelled":  # perhaps by a server that was being stopped
            self._unanswered = "interrupted"
        self._stream.reply(request, execution)
        self._reaper.unsettle()
        self._python.take_checkpoint(changed=self._calls.changed, killed=self._reaper.zombies())
        self._reaper.settle()
        # A short call has no measurement of its own.
        self._runs.look(min(ran_seconds, LOOK_INTERVAL_SECONDS))


def _wakeup_fd() -> int:
    """Return a descriptor that becomes readable when a child ends."""
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    os.set_blocking(writer, False)
    signal.signal(signal.SIGCHLD, lambda number, frame: None)
    _ignore_stops()
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    return reader


class _Action(ctypes.Structure):
    """`struct sigaction` of glibc and musl, on the architectures of `_ignore_stops`."""

    _fields_ = (
        ("handler", ctypes.c_void_p),
        ("mask", ctypes.c_ubyte * 128),
        ("flags", ctypes.c_int),
        ("restorer", ctypes.c_void_p),
    )


def _ignore_stops() -> None:
    """Restrict SIGCHLD to ends: the worker is stopped and continued in each call."""
    if os.uname().machine in ("x86_64", "aarch64"):
        action = _Action()
        LIBC.sigaction(signal.SIGCHLD, None, ctypes.byref(action))
        action.flags |= 1  # SA_NOCLDSTOP of include/uapi/asm-generic/signal-defs.h
        LIBC.sigaction(signal.SIGCHLD, ctypes.byref(action), None)


def serve(read_fd: int, write_fd: int, config: dict[str, Any], worker: WorkerMain) -> NoReturn:
    """Run the supervisor in a finished sandbox, until the server closes the stream.

    It must be process 1 of a PID namespace, because it kills every process that is not its own.
    """
    if os.getpid() != 1:
        raise RuntimeError("the supervisor has to be process 1 of a PID namespace of its own")
    LIBC.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM, signal.SIGPIPE):
        signal.signal(number, signal.SIG_IGN)
    os.set_inheritable(read_fd, False)
    os.set_inheritable(write_fd, False)
    stream = ServerStream(read_fd, write_fd, config.get("attach_fd"))
    # First, so that the server sends its request while the worker starts.
    stream.send(self_check.ready())
    Supervisor(stream, config, worker).serve()
