"""Output and packets of a job while it runs.

Foreign code may be the author of all of it. So it is bounded here, and never decides a verdict.
"""

from __future__ import annotations

import json
import select
from typing import TYPE_CHECKING

from bellglass.sandboxes.common.limits import MAX_REPORT_BYTES, MAX_REPORT_MESSAGES
from bellglass.sandboxes.supervisor.capture import Capture, drain
from bellglass.sandboxes.supervisor.job import Job
from bellglass.sandboxes.supervisor.report import untrusted
from bellglass.sandboxes.supervisor.report.display_log import DisplayLog, displayed
from bellglass.sandboxes.supervisor.worker_socket import Smuggled

if TYPE_CHECKING:
    from bellglass.sandboxes.wire.schema.packets import Answered, Claim


class JobOutput:
    """Everything that one job has sent so far."""

    def __init__(
        self, number: int, nonce: str, job: Job, limits: dict[str, int], *, persistent: bool
    ) -> None:
        """`number` is that of the call; the worker repeats `nonce`.

        `persistent`: the job is the worker, which answers and goes on.
        """
        self.begun = not persistent
        """Whether the job has begun; only the worker has to confirm it."""
        self.answer: Answered | None = None
        """The worker's report of a call that is over."""
        self.smuggled = False
        """Whether the job sent a descriptor, which nothing asks for."""
        self.report: list[Claim] = []
        """The report of a one-shot job."""
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
        """The descriptors to read from."""
        return self._job.out, self._job.err, self._control

    def take(self, fd: int, event: int) -> bool:
        """Read what waits in one of them; return False if nothing more will come from it."""
        if fd == self._control:
            return self._packet()
        return self._output(fd) > 0 or not event & select.POLLHUP

    def take_packets(self) -> None:
        """Take the packets that wait; processes that the job started may be sending more."""
        for _ in range(MAX_REPORT_MESSAGES):
            if not self._job.control.waiting or not self._packet():
                break

    def drain(self) -> None:
        """Read what the job wrote before it ended, and nothing that arrives later."""
        drain(self._job.out, self.captures[0])
        drain(self._job.err, self.captures[1])
        if not self._persistent:
            self.take_packets()

    def _output(self, fd: int) -> int:
        return drain(fd, self.captures[0 if fd == self._job.out else 1])

    def _packet(self) -> bool:
        """Take one packet; return False at the end of the socket."""
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
        """Keep a display at its place in stdout, or drop it whole; acknowledge either."""
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
    """Tell if a message that was parsed is shallow enough to be serialized."""
    if any(isinstance(value, (dict, list)) for value in message.values()):
        try:
            json.dumps(message)
        except RecursionError:
            return False
    return True
