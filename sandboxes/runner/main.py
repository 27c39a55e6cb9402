"""PID 1 of a place: serves requests, supervises the processes that run foreign code.

It never runs foreign code itself, it alone holds the stream to the server, and it is closed to
inspection (not dumpable), so that what happens inside cannot read or write that stream.
"""

from __future__ import annotations

import ctypes
import os
import platform
import re
import secrets
import select
import signal
import socket
import time
from collections.abc import Callable
from typing import Any, NoReturn

from bellglass.sandboxes.runner import check, processes, testing
from bellglass.sandboxes.runner.call import UNHEARD, Call
from bellglass.sandboxes.runner.capture import drain
from bellglass.sandboxes.runner.frames import Message, Packets, Stream
from bellglass.sandboxes.runner.job import PATIENCE, PR_SET_DUMPABLE, Job, start
from bellglass.sandboxes.runner.shell import Shell
from bellglass.sandboxes.runner.worker import Worker

LIBC = ctypes.CDLL(None, use_errno=True)

JOBS: dict[str, Callable[[Message, Callable[[Message], None]], None]] = {
    "check": check.run,
    "test": testing.run,
}
"""Operations that get a process of their own, for one request."""

STOPPED = "After the call before this one the Python process ended or no longer answered."

FILES_KEPT = 2
"""Calls whose cut output stays in a file: more would fill /tmp."""


class Runner:
    """The requests of one session, one at a time."""

    def __init__(self, stream: Stream, config: dict[str, Any]) -> None:
        self._stream = stream
        self._limits: dict[str, int] = config["limits"]
        self._events: int | None = config.get("memory_events_fd")
        self._shell = Shell()
        self._wakeup = _wakeup_fd()
        self._files: list[list[str]] = []
        self._worker = self._new_worker()
        self._checkpoint: Job | None = None
        self._idle = True
        """The worker has nothing to do, and is stopped."""
        self._history = 0
        """Calls whose effects the worker holds."""
        self._call: Call | None = None
        self._changed = True
        """The last call may have left other variables than the checkpoint holds."""

    def serve(self) -> NoReturn:
        self._stream.send(_ready())
        poll = select.poll()
        poll.register(self._stream.read_fd, select.POLLIN)
        poll.register(self._wakeup, select.POLLIN)
        while True:
            control = self._worker.control.socket.fileno()
            poll.register(control, select.POLLIN)
            for fd, _ in poll.poll():
                if fd == self._wakeup:
                    os.read(self._wakeup, 4096)
                    self._note_ended(processes.reap())
                elif fd == control:
                    if not self._from_idle_worker():
                        poll.unregister(control)
                else:
                    messages = self._stream.receive()
                    if messages is None:
                        os._exit(0)
                    poll.unregister(control)
                    for message in messages:
                        if message.get("op") != "cancel":
                            self._answer(message)
                    break  # what else was ready may be gone

    # --- one request

    def _answer(self, request: Message) -> None:
        try:
            execution = self._execute(request)
        except (OSError, ValueError, KeyError, TypeError) as exc:
            reason = f"{type(exc).__name__}: {exc}"
            if isinstance(exc, BlockingIOError):
                reason = "No process could be started: the session is at its limit of processes."
            execution = {"status": "error", "error": _own_error(reason)}
            self._changed = True
        reply = {"type": "reply", "id": request["id"], "nonce": request["nonce"]}
        self._stream.send({**reply, "execution": execution})
        if self._changed:
            self._rest()
        else:
            processes.send_signal(self._worker.pid, signal.SIGSTOP)

    def _execute(self, request: Message) -> Message:
        notices = self._settle()
        background = self._drop_background()
        before = processes.last_pid()
        op = request["op"]
        processes.send_signal(self._worker.pid, signal.SIGCONT)
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
        swept = 0
        if processes.last_pid() != before:
            # Stopped, or its threads could start processes as fast as they are ended.
            processes.send_signal(self._worker.pid, signal.SIGSTOP)
            swept = self._sweep(call)
            processes.send_signal(self._worker.pid, signal.SIGCONT)
        call.drain()
        execution = self._described(call)
        execution["swept"] = swept
        execution["background_bytes"] += background
        execution["notices"][:0] = notices
        execution["state"] = self._state_after(call)
        self._changed = execution["state"] != "kept" or (
            call.persistent and (call.answer or {}).get("changed") is not False
        )
        if not call.persistent:
            call.job.close()
        return execution

    def _run_python(self, request: Message) -> Call:
        call = self._ask_worker(request)
        if call.unheard:
            # A thread of the foreign code took the request, or holds the interpreter: the copy
            # has neither, and nothing of this call has run.
            self._end_worker()
            self._replace_worker()
            call = self._ask_worker(request)
            call.notices.append("Threads left over from earlier calls were ended.")
        return call

    def _ask_worker(self, request: Message) -> Call:
        request["inner_nonce"] = secrets.token_hex(16)
        try:
            self._worker.control.send({"nonce": request["inner_nonce"], "code": request["code"]})
        except OSError:
            pass  # it died: the call will see that
        return self._supervise(request, self._worker, persistent=True)

    def _supervise(self, request: Message, job: Job, persistent: bool = False) -> Call:
        copy = self._checkpoint.pid if self._checkpoint is not None else 0
        call = Call(
            request,
            job,
            persistent=persistent,
            limits=self._limits,
            stream=self._stream,
            wakeup=self._wakeup,
            spare={self._worker.pid, copy},
            copy=copy,
            on_ended=self._note_ended,
            oom_kills=self._oom_kills,
        )
        self._call = call
        call.run()
        self._call = None
        return call

    def _sweep(self, call: Call) -> int:
        spare = set()
        if self._checkpoint is not None:
            spare.add(self._checkpoint.pid)
        if not self._worker.ended:
            spare.add(self._worker.pid)
        ended: dict[int, int] = {}
        swept = processes.sweep(spare, ended)
        self._note_ended(ended)
        call.job.note_ended(ended)
        return swept

    def _described(self, call: Call) -> Message:
        self._keep_files(call)
        out, err = (capture.report() for capture in call.captures)
        answer = call.answer or {}
        execution = {
            **call.outcome(),
            "stdout": out,
            "stderr": err,
            "value": answer.get("value"),
            "error": answer.get("error"),
            "wall_seconds": round(call.wall_seconds(), 6),
            "cpu_seconds": round(call.cpu_seconds(), 6),
            "peak_memory_bytes": call.peak,
            "background_bytes": answer.get("background_bytes", 0),
            "notices": call.notices,
            "report": call.report,
        }
        return _claims_checked(execution)

    def _keep_files(self, call: Call) -> None:
        """Delete the output files of all but the last calls that had to cut."""
        paths = [capture.path for capture in call.captures if capture.filed]
        if paths:
            self._files.append(paths)
        while len(self._files) > FILES_KEPT:
            for path in self._files.pop(0):
                try:
                    os.unlink(path)
                except OSError:
                    pass

    # --- the worker and its checkpoint

    def _new_worker(self) -> Job:
        memory = self._limits["memory_bytes"]
        return start(lambda control: Worker(control, memory).serve())

    def _state_after(self, call: Call) -> str:
        """Put another worker in the place of one that is gone; say what became of the state."""
        if call.persistent and call.answer is None:
            self._end_worker()
        if not self._worker.ended:
            if call.persistent:
                self._history += 1
            return "kept"
        return self._replace_worker()

    def _replace_worker(self) -> str:
        copy, self._checkpoint = self._checkpoint, None
        if copy is not None and not copy.ended:
            # The copy writes into the same pipes.
            self._worker.control.socket.close()
            self._worker = copy
            return "restored"
        if copy is not None:
            copy.control.socket.close()
        self._worker.close()
        self._worker = self._new_worker()
        state = "lost" if self._history else "restored"
        self._history = 0
        return state

    def _end_worker(self) -> None:
        """Kill the worker and wait for its end."""
        deadline = time.monotonic() + UNHEARD
        while not self._worker.ended and time.monotonic() < deadline:
            processes.send_signal(self._worker.pid, signal.SIGKILL)
            self._note_ended(processes.reap())
            if not self._worker.ended:
                time.sleep(0.0005)

    def _rest(self) -> None:
        """After a call: have the worker make a copy of itself, then stop it.

        The copy from before stays until the new one is there.
        """
        self._idle = False
        self._nonce = secrets.token_hex(16)
        try:
            self._worker.control.send({"nonce": self._nonce, "checkpoint": True})
        except OSError:
            self._idle = True

    def _drop_checkpoint(self) -> None:
        if self._checkpoint is not None:
            processes.send_signal(self._checkpoint.pid, signal.SIGKILL)
            self._checkpoint.control.socket.close()
            self._checkpoint = None

    def _from_idle_worker(self) -> bool:
        try:
            message, descriptors = self._worker.control.receive()
        except (EOFError, OSError):
            return False
        mine = message is not None and not self._idle and message.get("nonce") == self._nonce
        if mine and message is not None:
            self._idle = True
            self._drop_checkpoint()
            pid = message.get("checkpoint")
            if isinstance(pid, int) and pid > 1 and len(descriptors) == 1:
                control = Packets(socket.socket(fileno=descriptors.pop()), PATIENCE)
                control.socket.setblocking(False)
                self._checkpoint = Job(pid, self._worker.out, self._worker.err, control)
            # Idle means idle: a thread that the code left running must not burn CPU for ever.
            processes.send_signal(self._worker.pid, signal.SIGSTOP)
        for fd in descriptors:
            os.close(fd)
        return True

    def _settle(self) -> list[str]:
        """Wait until the worker is ready for a request; replace one that is not to be had.

        Returns what is to be said of it.
        """
        deadline = time.monotonic() + UNHEARD
        while not self._idle and not self._worker.ended:
            left = deadline - time.monotonic()
            control = self._worker.control.socket
            watched = [control.fileno(), self._wakeup]
            ready, _, _ = select.select(watched, [], [], max(0.0, left))
            if not ready:
                self._end_worker()
            if self._wakeup in ready:
                os.read(self._wakeup, 4096)
                self._note_ended(processes.reap())
            if watched[0] in ready and not self._from_idle_worker():
                self._end_worker()
        self._idle = True
        if not self._worker.ended:
            return []
        if self._replace_worker() == "restored":
            return [STOPPED + " Variables are as they were one call earlier."]
        return [STOPPED + " Its variables are lost."]

    def _drop_background(self) -> int:
        return drain(self._worker.out, None) + drain(self._worker.err, None)

    def _note_ended(self, ended: dict[int, int]) -> None:
        for job in (self._worker, self._checkpoint, self._call and self._call.job):
            if job:
                job.note_ended(ended)

    def _oom_kills(self) -> int:
        """Return how often the kernel has ended a process of this place for want of memory."""
        if self._events is None:
            return 0
        try:
            text = os.pread(self._events, 4096, 0)
        except OSError:
            return 0
        found = re.search(rb"^oom_kill (\d+)", text, re.MULTILINE)
        return int(found[1]) if found else 0


def _claims_checked(execution: Message) -> Message:
    """Drop what a worker claims in another shape than agreed: the reply must hold."""
    error = execution["error"]
    if not (
        isinstance(error, dict)
        and all(isinstance(error.get(key), str) for key in ("name", "message", "traceback"))
        and isinstance(error.get("line"), (int, type(None)))
    ):
        execution["error"] = None
    if not isinstance(execution["value"], (str, type(None))):
        execution["value"] = None
    if not isinstance(execution["background_bytes"], int):
        execution["background_bytes"] = 0
    return execution


def _own_error(reason: str) -> Message:
    return {"name": "RunnerError", "message": reason, "traceback": reason, "line": None}


def _wakeup_fd() -> int:
    """A descriptor that becomes readable when a child ends."""
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    os.set_blocking(writer, False)
    signal.signal(signal.SIGCHLD, lambda number, frame: None)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    return reader


def _ready() -> Message:
    """What this place looks like from inside, for the server to refuse if it is not as promised."""
    status: dict[str, str] = {}
    with open("/proc/self/status") as file:
        for line in file:
            name, _, value = line.partition(":")
            status[name] = value.strip()
    return {
        "type": "ready",
        "python": platform.python_version(),
        "uid": os.getuid(),
        "capabilities": int(status["CapEff"], 16),
        "no_new_privs": status.get("NoNewPrivs") == "1",
        "seccomp": int(status.get("Seccomp", "0")),
        "interfaces": [name for _, name in socket.if_nameindex()],
    }


def serve(read_fd: int, write_fd: int, config: dict[str, Any]) -> NoReturn:
    """Be the runner of a finished place, until the server closes the stream."""
    LIBC.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM, signal.SIGPIPE):
        signal.signal(number, signal.SIG_IGN)
    os.set_inheritable(read_fd, False)
    os.set_inheritable(write_fd, False)
    Runner(Stream(read_fd, write_fd), config).serve()
