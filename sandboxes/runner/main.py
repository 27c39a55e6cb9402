"""PID 1 of a place: serves requests, supervises the processes that run foreign code.

It never runs foreign code itself, it alone holds the stream to the server, and it is closed to
inspection (not dumpable), so that what happens inside cannot read or write that stream.
"""

from __future__ import annotations

import ctypes
import os
import secrets
import select
import signal
import time
from collections.abc import Callable
from typing import Any, NoReturn

from bellglass.sandboxes.runner import files, processes, surroundings, writing
from bellglass.sandboxes.runner.background.runs import Runs
from bellglass.sandboxes.runner.call import Call
from bellglass.sandboxes.runner.capture import KeptFiles
from bellglass.sandboxes.runner.changes import Changes
from bellglass.sandboxes.runner.checking import check
from bellglass.sandboxes.runner.described import described
from bellglass.sandboxes.runner.frames import Message, Stream
from bellglass.sandboxes.runner.interpreter import Interpreter
from bellglass.sandboxes.runner.job import PR_SET_DUMPABLE, Job, start
from bellglass.sandboxes.runner.relay import packages
from bellglass.sandboxes.runner.relay.relay import Relay
from bellglass.sandboxes.runner.shell import Shell
from bellglass.sandboxes.runner.testing import suite
from bellglass.sandboxes.runner.usage import oom_kills

LIBC = ctypes.CDLL(None, use_errno=True)

JOBS: dict[str, Callable[[Message, Callable[[Message], None]], None]] = {
    "check": check.run,
    "test": suite.run,
    "read": files.read,
    "write": writing.write,
}
"""Operations that get a process of their own, for one request."""

WRITING = ("test", "write")
"""Those of them that may leave other files than they found."""

COUNT_SECONDS = 0.02
"""For so long the number of the newest process is trusted to tell if one was started. Given more
time, code can start processes until the numbers have come round."""

UNBURIED = 8
"""Ended children that stay for the code of a later call to wait for."""


class Runner:
    """The requests of one session, one at a time."""

    def __init__(self, stream: Stream, config: dict[str, Any]) -> None:
        self._stream = stream
        self._limits: dict[str, int] = config["limits"]
        self._events: int | None = config.get("memory_events_fd")
        self._wakeup = _wakeup_fd()
        self._relay = Relay(stream.send)
        self._shell = Shell()
        self._python = Interpreter(self._limits, self._note_ended)
        self._job: Job | None = None
        self._changed = True
        """The last call may have left other variables than the interpreter's copy holds."""
        self._newest = processes.last_pid()
        """Number of the newest process when there were none but the interpreter's."""
        self._settled = True
        """Nothing runs until the next request."""
        self._rest_since = 0.0
        self._swept: list[int] = []
        self._unburied: list[int] = []
        """Children that the foreign code has not waited for: they count against the limit."""
        self._output = KeptFiles()
        self._changes = Changes(os.getcwd())
        self._runs = Runs(stream, self._limits, self._python.pids, lambda: oom_kills(self._events))

    def serve(self) -> NoReturn:
        self._stream.send(surroundings.ready())
        poll = select.poll()
        poll.register(self._stream.read_fd, select.POLLIN)
        poll.register(self._wakeup, select.POLLIN)
        poll.register(self._relay.fd, select.POLLIN)
        poll.register(self._runs.descriptor, select.POLLIN)
        gone = False
        while True:
            control = self._python.control
            if not gone:
                poll.register(control, select.POLLIN)
            ready = [fd for fd, _ in poll.poll(self._runs.wait_ms(self._python.rest_ms()))]
            if self._runs.descriptor in ready:
                self._runs.serve()
            self._runs.tick(time.monotonic(), alone=True)
            if self._wakeup in ready:
                os.read(self._wakeup, 4096)
                self._note_ended(processes.reap())
            if self._relay.fd in ready:
                self._relay.pump()
            lost = control in ready and not self._python.take()
            if lost or self._python.rest_ms() == 0:
                self._python.end()
            if self._runs.unsettled:
                self._runs.unsettled = self._settled = False
            self._settle()
            asked = self._stream.read_fd in ready
            if lost or (asked and not gone):
                poll.unregister(control)
            gone = (gone or lost) and not asked
            if asked:
                self._serve_some()

    def _serve_some(self) -> None:
        messages = self._stream.receive()
        if messages is None:
            os._exit(0)  # as PID 1: the kernel ends the whole place
        for message in messages:
            if message.get("op") == "network":
                self._open_network(message)
            elif message.get("op") == "runs":
                self._runs.answer(message)
            elif not self._relay.take(message) and message.get("op") != "cancel":
                self._answer(message)

    def _open_network(self, message: Message) -> None:
        """Before the first request: let programs reach the server, which lets some of it out."""
        self._relay.listen(message["port"])
        environment = {**packages.make(), **message["environment"]}
        self._shell = Shell(environment)
        self._python.adopt(environment)
        self._newest = processes.last_pid()

    # --- one request

    def _answer(self, request: Message) -> None:
        try:
            execution = self._execute(request)
        except (OSError, ValueError, KeyError, TypeError) as exc:
            reason = f"{type(exc).__name__}: {exc}"
            if isinstance(exc, BlockingIOError):
                reason = "No process could be started: the session is at its limit of processes."
            error = {"name": "RunnerError", "message": reason, "traceback": reason}
            execution = {"status": "error", "error": error}
            self._changed = True
        reply = {"type": "reply", "id": request["id"], "nonce": request["nonce"]}
        self._stream.send({**reply, "execution": execution})
        self._settled = False
        self._rest_since = time.monotonic()
        unburied = self._unburied if len(self._unburied) > UNBURIED else []
        self._python.rest(changed=self._changed, swept=self._swept + unburied)
        self._settle()

    def _execute(self, request: Message) -> Message:
        notices = self._python.wake(self._wakeup)
        background = self._python.drop_background()
        op = request["op"]
        if request.get("background") and op in ("python", "bash"):
            self._changed = False
            return {**self._begin(request), "notices": notices}
        if op not in JOBS:
            self._changes.expect()
        if op == "python":
            call = self._run_python(request)
        elif op == "bash":
            call = self._supervise(request, self._shell.start(request["command"]))
            self._shell.finish(call.job)
        elif op in JOBS:
            arguments = {k: v for k, v in request.items() if k not in ("nonce", "id", "op")}
            job = start(lambda control: JOBS[op](arguments, control.send))
            call = self._supervise(request, job)
        else:
            raise ValueError(f"unknown operation {op!r}")
        self._swept, self._unburied = [], []
        if call.wall_seconds() > COUNT_SECONDS or processes.last_pid() != self._newest:
            self._swept = self._sweep()
        call.drain()
        execution = self._described(call)
        execution["swept"] = len(self._swept)
        execution["background_bytes"] += background
        execution["notices"][:0] = notices
        execution["state"] = self._python.after(call.answer, asked=call.persistent)
        self._changed = execution["state"] != "kept" or (
            call.persistent and (call.answer or {}).get("changed") is not False
        )
        if not call.persistent:
            call.job.close()
        if op in WRITING:
            self._changes.forget()
        elif op not in JOBS and (call.answer or {}).get("changed") is not False:
            execution.update(self._changes.report())
        return execution

    def _begin(self, request: Message) -> Message:
        try:
            return self._runs.begin(request, self._python, self._shell)
        except (TimeoutError, ConnectionError):
            # As for a call that is not heard: the copy has no threads that could be in the way.
            self._python.end()
            self._python.replace()
            return self._runs.begin(request, self._python, self._shell)

    def _run_python(self, request: Message) -> Call:
        call = self._ask(request)
        if call.unheard:
            # A thread of the foreign code took the request, or holds the interpreter: the copy
            # has neither. Or the process was dying. Nothing of this call has run.
            self._python.end()
            state = self._python.replace()
            call = self._ask(request)
            text = "Python was restarted, as its process did not answer; its state was"
            call.notices.append(f"{text} {state}.")
        return call

    def _ask(self, request: Message) -> Call:
        request["inner_nonce"] = secrets.token_hex(16)
        self._python.ask(request["inner_nonce"], request["id"], request["code"])
        return self._supervise(request, self._python.worker, persistent=True)

    def _supervise(self, request: Message, job: Job, persistent: bool = False) -> Call:
        copy = self._python.copy
        self._job = job
        call = Call(
            request,
            job,
            persistent=persistent,
            limits=self._limits,
            stream=self._stream,
            relay=self._relay,
            wakeup=self._wakeup,
            spare=self._python.pids(),
            copy=copy.pid if copy is not None else 0,
            on_ended=self._note_ended,
            oom_kills=self._oom_kills,
            runs=self._runs,
        )
        call.run()
        return call

    def _sweep(self) -> list[int]:
        """End what the call has left behind."""
        # Stopped, or its threads could start processes as fast as they are ended.
        worker = self._python.worker
        processes.send_signal(worker.pid, signal.SIGSTOP)
        ended: processes.Ended = {}
        dropped = self._python.dropped
        swept = processes.sweep(self._runs.spared, ended) - dropped
        self._note_ended(ended)
        self._newest = processes.last_pid()
        self._unburied = processes.zombies()
        processes.send_signal(worker.pid, signal.SIGCONT)
        return sorted(swept)

    def _settle(self) -> None:
        """End what was started after the sweep: by threads, or by hooks around the copy's fork."""
        if self._settled or not self._python.resting:
            return
        self._settled = True
        self._python.stop()
        copy = self._python.copy
        newest = processes.last_pid()
        expected = {self._newest}
        if copy is not None:
            expected = {self._newest, self._newest + 1} & {self._newest, copy.pid}
        if newest not in expected or time.monotonic() - self._rest_since > COUNT_SECONDS:
            ended: processes.Ended = {}
            processes.sweep(self._runs.spared, ended)
            self._note_ended(ended)
            newest = processes.last_pid()
        self._newest = newest

    def _note_ended(self, ended: processes.Ended) -> None:
        self._python.note_ended(ended)
        self._runs.note_ended(ended)
        if self._job is not None:
            self._job.note_ended(ended)

    # --- its result

    def _described(self, call: Call) -> Message:
        out, err = (capture.report() for capture in call.captures)
        self._output.keep(call.captures, call.shown.files)
        told = described(
            op=call.request["op"],
            outcome=call.outcome(),
            answer=call.answer,
            displays=call.shown.report(call.captures[0]),
            outputs=(out, err),
            exit_code=call.job.exit_code,
            wall_seconds=call.wall_seconds(),
            cpu_seconds=call.usage.cpu_seconds(),
            peak=call.usage.peak,
            notices=call.notices,
        )
        return {**told, "report": call.report}

    def _oom_kills(self) -> int:
        """Return how often the kernel has ended a process for want of memory that was no run's."""
        return oom_kills(self._events) - self._runs.oom_kills


def _wakeup_fd() -> int:
    """A descriptor that becomes readable when a child ends."""
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    os.set_blocking(writer, False)
    signal.signal(signal.SIGCHLD, lambda number, frame: None)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    return reader


def serve(read_fd: int, write_fd: int, config: dict[str, Any]) -> NoReturn:
    """Be the runner of a finished place, until the server closes the stream.

    As process 1 of a pid namespace: it ends every process that it sees and is not its own.
    """
    if os.getpid() != 1:
        raise RuntimeError("the runner has to be process 1 of a pid namespace of its own")
    LIBC.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM, signal.SIGPIPE):
        signal.signal(number, signal.SIG_IGN)
    os.set_inheritable(read_fd, False)
    os.set_inheritable(write_fd, False)
    Runner(Stream(read_fd, write_fd), config).serve()
