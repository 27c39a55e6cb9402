"""Supervision of one call, from its start to its verdict.

The loop during a call handles what arrives from the server and from the job, and enforces limits
when nothing arrives.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Literal

from bellglass.sandboxes.supervisor import processes
from bellglass.sandboxes.supervisor.accounting import LOOK_INTERVAL_SECONDS
from bellglass.sandboxes.supervisor.accounting.usage import Usage
from bellglass.sandboxes.supervisor.background.runs import Runs
from bellglass.sandboxes.supervisor.calls.job_output import JobOutput
from bellglass.sandboxes.supervisor.calls.limit_enforcer import LimitEnforcer
from bellglass.sandboxes.supervisor.fd_poller import FdPoller
from bellglass.sandboxes.supervisor.job import Job
from bellglass.sandboxes.supervisor.relay.relay import Relay
from bellglass.sandboxes.supervisor.report.exit_status import outcome
from bellglass.sandboxes.supervisor.server_stream import ServerStream
from bellglass.sandboxes.supervisor.worker_socket import SMUGGLED
from bellglass.sandboxes.wire.framing import STREAM_INTERVAL_SECONDS

if TYPE_CHECKING:
    from bellglass.sandboxes.wire.schema.execution import Outcome
    from bellglass.sandboxes.wire.schema.frames import Stream
    from bellglass.sandboxes.wire.schema.requests import Call as CallRequest


class Call:
    """Supervises one job until it has answered or ended."""

    def __init__(
        self,
        request: CallRequest,
        job: Job,
        *,
        nonce: str,
        persistent: bool,
        limits: dict[str, int],
        usage: Usage,
        stream: ServerStream,
        relay: Relay,
        poller: FdPoller,
        wakeup: int,
        on_ended: Callable[[processes.Ended], None],
        runs: Runs,
        begin_seconds: float,
    ) -> None:
        """`persistent`: the job is the worker, which answers and goes on, and knows `nonce`.

        It must confirm within `begin_seconds` that it has begun, which takes microseconds.
        """
        self.request = request
        self.job = job
        self.persistent = persistent
        self.usage = usage
        self._begin_seconds = begin_seconds
        self.never_began = False
        """Whether the worker has not begun the call, and will not."""
        self.shell_kept = True
        """Whether the next command finds what this one changed in the shell."""
        self.output = JobOutput(request["id"], nonce, job, limits, persistent=persistent)
        self._started = time.monotonic()
        self._enforcer = LimitEnforcer(
            job,
            usage,
            limits,
            self._started + request["timeout"],
            persistent=persistent,
            runs=runs,
            on_ended=on_ended,
        )
        self._next_stream = self._started + STREAM_INTERVAL_SECONDS
        self._stream = stream
        self._relay = relay
        self._poller = poller
        self._wakeup = wakeup
        self._on_ended = on_ended
        self._runs = runs

    def run(self) -> None:
        """Return when the job has answered or ended, or sends what cannot be read."""
        # The loop between calls restores its own handlers.
        self._poller.add(self._stream.read_fd, self._from_server)
        self._poller.add(self._wakeup, self._reap)
        output = self.output.descriptors
        try:
            for fd in output:
                self._poller.add(fd, partial(self._from_job, fd), self._end_unreadable)
            self._handle_requests()  # requests that arrived together with this one
            self._supervise()
        finally:
            for fd in output:
                self._poller.remove(fd)
        if self.job.ended and not self.output.begun and self._enforcer.verdict is None:
            # It was dying when it was asked: a packet that says it had begun may still wait.
            self.output.take_packets()
            self.never_began = not self.output.begun
        self.output.drain()
        self._enforcer.finish(answered=self.output.answer is not None)

    def _supervise(self) -> None:
        next_tick = self._started + LOOK_INTERVAL_SECONDS
        while self.output.answer is None and not self.job.ended and not self.never_began:
            wait = min(next_tick, self._enforcer.due) - time.monotonic()
            self._poller.wait(max(0.0, wait * 1000))
            now = time.monotonic()
            late = not self.output.begun and now - self._started > self._begin_seconds
            self.never_began = late and self._enforcer.verdict is None
            if now >= next_tick:
                next_tick = now + LOOK_INTERVAL_SECONDS
                self._stream.tick(now)
                self._runs.tick(now, alone=False)
                self._enforcer.measure()
                self._send_output(now)
            if self._stream.abandoned:
                self._enforcer.stop("cancelled")  # the server that waited for it is gone
            self._enforcer.enforce(now, begun=self.output.begun)

    def _from_job(self, fd: int, events: int) -> None:
        if not self.output.take(fd, events):
            self._poller.remove(fd)
        if self.output.smuggled:
            self._enforcer.kill_now(SMUGGLED)

    def _end_unreadable(self, _: int) -> None:
        self._enforcer.kill_now("The process was ended: it sent a message that cannot be read.")

    def _from_server(self, _: int) -> None:
        if not self._stream.read():
            if not self._stream.cut():
                os._exit(0)  # as PID 1: the kernel then ends the whole sandbox
            self._poller.remove(self._stream.read_fd)
        self._handle_requests()

    def _handle_requests(self) -> None:
        while self._stream.waiting:
            request = self._stream.take()
            if request["op"] == "net":
                self._relay.take(request)
            elif request["op"] == "cancel" and request["id"] == self.request["id"]:
                self._enforcer.stop("cancelled")
            elif request["op"] == "runs":
                self._runs.answer(request)
            elif request["op"] == "resume":
                self._stream.handover_nonce = request["nonce"]

    def _reap(self, _: int) -> None:
        try:
            os.read(self._wakeup, 4096)
        except BlockingIOError:
            pass
        self._on_ended(processes.reap())

    def _send_output(self, now: float) -> None:
        if now < self._next_stream:
            return
        self._next_stream = now + STREAM_INTERVAL_SECONDS
        names: tuple[Literal["stdout", "stderr"], ...] = ("stdout", "stderr")
        for name, capture in zip(names, self.output.captures):
            text = capture.unsent.take()
            # A server that does not read must not delay the deadline.
            if text and self._stream.writable():
                frame: Stream = {
                    "type": "stream",
                    "id": self.request["id"],
                    "nonce": self.request["nonce"],
                    "name": name,
                    "text": text,
                }
                self._stream.send(frame)

    # --- results

    @property
    def notices(self) -> list[str]:
        """Messages for the result about how the call went."""
        return self._enforcer.notices

    def wall_seconds(self) -> float:
        return time.monotonic() - self._started

    def outcome(self) -> Outcome:
        verdict, answer = self._enforcer.verdict, self.output.answer
        return outcome(self.request["op"], verdict, answer, self.job.status)
