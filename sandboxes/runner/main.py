"""PID 1 of a place: serves requests, supervises the processes that run foreign code.

It never runs foreign code itself, it alone holds the stream to the server, and it is closed to
inspection (not dumpable), so that what happens inside cannot read or write that stream.
"""

from __future__ import annotations

import ctypes
import os
import select
import signal
import time
from typing import Any, NoReturn

from bellglass.sandboxes.runner import processes, surroundings
from bellglass.sandboxes.runner.background.runs import TICK, Runs
from bellglass.sandboxes.runner.calls.calls import Calls
from bellglass.sandboxes.runner.calls.sweeping import Sweeper
from bellglass.sandboxes.runner.frames import Message, Stream
from bellglass.sandboxes.runner.interpreter import Interpreter
from bellglass.sandboxes.runner.job import PR_SET_DUMPABLE
from bellglass.sandboxes.runner.relay import packages
from bellglass.sandboxes.runner.relay.relay import Relay
from bellglass.sandboxes.runner.uncounted import Uncounted
from bellglass.sandboxes.runner.usage import oom_kills

LIBC = ctypes.CDLL(None, use_errno=True)


class Runner:
    """The loop between calls: takes requests, one at a time; looks after what goes on meanwhile."""

    def __init__(self, stream: Stream, config: dict[str, Any]) -> None:
        limits: dict[str, int] = config["limits"]
        events: int | None = config.get("memory_events_fd")
        self._stream = stream
        self._wakeup = _wakeup_fd()
        self._relay = Relay(stream.send)
        self._state = "kept"
        """Of the variables, after the last call."""
        self._python = Interpreter(limits, lambda ended: self._sweeper.note_ended(ended))
        uncounted = Uncounted(limits, config.get("locks_fd"))
        self._runs = Runs(stream, limits, self._python.pids, lambda: oom_kills(events), uncounted)
        self._sweeper = Sweeper(self._python, self._runs)
        self._calls = Calls(
            stream,
            limits,
            events,
            wakeup=self._wakeup,
            relay=self._relay,
            python=self._python,
            runs=self._runs,
            sweeper=self._sweeper,
        )

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
                self._sweeper.note_ended(processes.reap())
            if self._relay.fd in ready:
                self._relay.pump()
            lost = control in ready and not self._python.take()
            if lost or self._python.rest_ms() == 0:
                self._python.end()
            if self._runs.unsettled:
                self._runs.unsettled = self._sweeper.settled = False
            self._sweeper.settle()
            asked = self._stream.read_fd in ready
            if lost or (asked and not gone):
                poll.unregister(control)
            gone = (gone or lost) and not asked
            if asked:
                self._serve_some()

    def _serve_some(self) -> None:
        if not self._stream.read():
            os._exit(0)  # as PID 1: the kernel ends the whole place
        while (message := self._stream.take()) is not None:
            if message.get("op") == "network":
                self._open_network(message)
            elif message.get("op") == "runs":
                self._runs.answer(message)
            elif message.get("op") == "greet":
                self._stream.successor = message["nonce"]
            elif not self._relay.take(message) and message.get("op") != "cancel":
                self._answer(message)
        if self._stream.successor is not None:
            self._greet(self._stream.successor)

    def _greet(self, nonce: str) -> None:
        """Greet another server as the first was greeted, and tell what it takes over."""
        self._stream.successor = None
        self._runs.part_with_all()
        ready = {**surroundings.ready(), "state": self._state}
        # Its beginning is what that server looks for among what it has not asked for.
        self._stream.send({"type": "ready", "nonce": nonce, **ready})

    def _open_network(self, message: Message) -> None:
        """Before the first request: let programs reach the server, which lets some of it out."""
        self._relay.listen(message["port"])
        self._calls.adopt({**packages.make(), **message["environment"]})

    def _answer(self, request: Message) -> None:
        began = time.monotonic()
        execution = self._calls.execute(request)
        ran_seconds = time.monotonic() - began
        self._state = execution.get("state", "kept")
        reply = {"type": "reply", "id": request["id"], "nonce": request["nonce"]}
        self._stream.send({**reply, "execution": execution})
        self._sweeper.unsettle()
        self._python.rest(changed=self._calls.changed, swept=self._sweeper.to_bury())
        self._sweeper.settle()
        self._runs.look(min(ran_seconds, TICK))  # a short call has no tick of its own


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
