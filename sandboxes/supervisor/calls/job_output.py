"""What a job says while it runs: its output and its packets.

Foreign code may be the author of all of it. So it is bounded here, and is never a verdict.
"""

from __future__ import annotations

import json
import select
from typing import TYPE_CHECKING

from bellglass.sandboxes.common.limits import MAX_REPORT_BYTES, MAX_REPORT_MESSAGES
from bellglass.sandboxes.supervisor import untrusted
from bellglass.sandboxes.supervisor.capture import Capture, drain
from bellglass.sandboxes.supervisor.display_log import DisplayLog, displayed
from bellglass.sandboxes.supervisor.job import Job
from bellglass.sandboxes.supervisor.worker_socket import Smuggled

if TYPE_CHECKING:
    from bellglass.sandboxes.wire.schema import Answered, Claim


class JobOutput:
    """All that has come from one job so far."""

    def __init__(
        self, number: int, nonce: str, job: Job, limits: dict[str, int], *, persistent: bool
    ) -> None:
        """`number` is the call's; `nonce` is what a worker has to know of it.

        `persistent`: the job is the worker, which answers and goes on.
        """
        self.begun = not persistent
        """A worker has to say that it has begun."""
        self.answer: Answered | None = None
        """What a worker says of the call, when it is over."""
        self.smuggled = False
        """It has sent a descriptor that nobody asked for."""
        self.report: list[Claim] = []
        """What a one-shot job has sent."""
        kept, file_bytes = limits["output_bytes"], limits["output_file_bytes"]
        self.captures = [
            Capture(f"/tmp/{name}-{number}.txt", kept, file_bytes) for name in ("stdout", "stderr")
        ]
        self.shown = DisplayLog(number)
        self._report_room = MAX_REPORT_BYTES
        self._nonce = nonce
        self._job = job
        self._control = job.control.socket.fileno()
        self._persistent = persistent
        if persistent:
            job.control.forget()

    @property
    def descriptors(self) -> tuple[int, int, int]:
        """Those from which there may be something to take."""
        return self._job.out, self._job.err, self._control

    def take(self, fd: int, event: int) -> bool:
        """Take what waits in one of these descriptors; False if no more will come from it."""
        if fd == self._control:
            return self._packet()
        return self._output(fd) > 0 or not event & select.POLLHUP

    def take_packets(self) -> None:
        """Take the packets that wait; what the job started may be sending more of them."""
        for _ in range(MAX_REPORT_MESSAGES):
            if not self._job.control.waiting or not self._packet():
                break

    def drain(self) -> None:
        """Take what the job wrote before it ended, and nothing that comes later."""
        drain(self._job.out, self.captures[0])
        drain(self._job.err, self.captures[1])
        if not self._persistent:
            self.take_packets()

    def _output(self, fd: int) -> int:
        return drain(fd, self.captures[0 if fd == self._job.out else 1])

    def _packet(self) -> bool:
        """Take one packet; False at the end of the socket."""
        try:
            message = self._job.control.next()
        except Smuggled:
            self.smuggled = True
            return False
        except (EOFError, OSError):
            return False
        if message is None:
            return True
        if self._persistent:
            if message.get("nonce") == self._nonce:
                self.begun = True
                if message.get("type") == "answer":
                    self.answer = untrusted.answer(message)
                elif message.get("type") in ("display", "clear"):
                    self._show(message)
        elif len(self.report) < MAX_REPORT_MESSAGES:
            self._report_room -= self._job.control.received
            if not _can_be_sent(message):
                return True
            if self._report_room >= 0:
                self.report.append(message)
        return True

    def _show(self, message: Claim) -> None:
        """Keep a display, after all that was printed before it, or drop all of it; say so."""
        for fd in (self._job.out, self._job.err):
            self._output(fd)
        if message["type"] == "display":
            kept = self.shown.put(message, self.captures[0].total)
        else:
            kept = True
            self.shown.clear()
            for capture in self.captures:
                capture.clear()
        number = message.get("number")
        if isinstance(number, int):
            self._job.control.offer(displayed(self._nonce, number, kept=kept))


def _can_be_sent(message: Claim) -> bool:
    """Tell if a message that was read is not too deep to be written."""
    if any(isinstance(value, (dict, list)) for value in message.values()):
        try:
            json.dumps(message)
        except RecursionError:
            return False
    return True
