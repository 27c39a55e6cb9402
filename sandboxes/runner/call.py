"""One call, from its start to its verdict.

The verdict (time-out, cancelled, out of memory, ended by a signal) is made here, outside the
process that runs the foreign code; what that process says of itself is only its value and error.
"""

from __future__ import annotations

import json
import os
import select
import signal
import time
from collections.abc import Callable
from collections.abc import Set as AbstractSet
from typing import Any

from bellglass.sandboxes.runner import processes
from bellglass.sandboxes.runner.background.runs import Runs
from bellglass.sandboxes.runner.capture import Capture, drain
from bellglass.sandboxes.runner.frames import Message, Stream
from bellglass.sandboxes.runner.job import Job
from bellglass.sandboxes.runner.outcome import ended_by, outcome
from bellglass.sandboxes.runner.relay.relay import Relay
from bellglass.sandboxes.runner.shown import Shown
from bellglass.sandboxes.runner.usage import Usage

GRACE = 0.4
"""Seconds between the interrupt and the kill: a call with a limit of 1 s ends within 2."""

TICK = 0.1
"""Seconds between two looks at memory and CPU time. A process can fill about 200 MB in one."""

FIRST_STREAM = 0.25
"""Seconds before output is streamed: a short call sends only its reply."""

UNHEARD = 2.0
"""Seconds for a worker to say that it has begun; it takes microseconds."""

SIDE_BYTES = 2 * 1024**2
"""Of the state that a shell leaves; a longer one is not taken."""

SIDE_READS = 64

REPORT_BYTES = 4 * 1024**2
"""Of all that a one-shot job reports, as it is sent."""

REPORT_MESSAGES = 10_000


class Call:
    """Supervises one job until it has answered or ended."""

    def __init__(
        self,
        request: Message,
        job: Job,
        *,
        persistent: bool,
        limits: dict[str, int],
        stream: Stream,
        relay: Relay,
        wakeup: int,
        spare: AbstractSet[int],
        copy: int,
        on_ended: Callable[[processes.Ended], None],
        oom_kills: Callable[[], int],
        runs: Runs,
    ) -> None:
        self.request = request
        self.job = job
        self.persistent = persistent
        self.limits = limits
        self.verdict: str | None = None
        self.answer: Message | None = None
        self.report: list[Message] = []
        self.notices: list[str] = []
        self.unheard = False
        self._report_room = REPORT_BYTES
        self._stream = stream
        self._relay = relay
        self._wakeup = wakeup
        self._spare = spare
        self._on_ended = on_ended
        self._oom_kills = oom_kills
        self._runs = runs
        self._oom_kills_before = oom_kills()
        self._started = time.monotonic()
        self._deadline = self._started + float(request["timeout"])
        self._kill_at: float | None = None
        self._heard = not persistent
        self._next_stream = self._started + FIRST_STREAM
        kept, file_bytes = limits["output_bytes"], limits["output_file_bytes"]
        self.captures = [
            Capture(f"/tmp/{name}-{request['id']}.txt", kept, file_bytes)
            for name in ("stdout", "stderr")
        ]
        self.shown = Shown(request["id"])
        if persistent:
            job.control.forget()
        self.usage = Usage(job.pid, limits, spare, copy, runs)

    def run(self) -> None:
        """Return when the job has answered, or has ended, or cannot be heard."""
        poll = select.poll()
        runs, relay = self._runs.descriptor, self._relay.fd
        out, err = self.job.out, self.job.err
        for fd in (self._stream.read_fd, relay, self._wakeup, runs, out, err):
            poll.register(fd, select.POLLIN)
        control = self.job.control.socket.fileno()
        poll.register(control, select.POLLIN)
        if self.job.side >= 0:
            poll.register(self.job.side, select.POLLIN)
        next_tick = self._started + TICK
        while self.answer is None and not self.job.ended and not self.unheard:
            now = time.monotonic()
            wait = min(next_tick, self._kill_at or self._deadline) - now
            ready = poll.poll(max(0.0, wait * 1000))
            for fd, event in ready:
                if fd == self._stream.read_fd:
                    self._from_server()
                elif fd == control:
                    if not self._from_job():
                        poll.unregister(fd)
                elif fd == self._wakeup:
                    self.look()
                elif fd == self._relay.fd:
                    self._relay.pump()
                elif fd == runs:
                    self._runs.serve()
                elif not self._output(fd) and event & select.POLLHUP:
                    poll.unregister(fd)
            now = time.monotonic()
            self._enforce(now)
            if now >= next_tick:
                next_tick = now + TICK
                self._watch(now)
        if self.job.ended and not self._heard and self.verdict is None:
            # It was dying when it was asked: what it said of a beginning, if it did, is waiting.
            while self._waiting() and self._from_job():
                pass
            self.unheard = not self._heard
        self._finish()

    def look(self) -> None:
        """Collect what has ended."""
        try:
            os.read(self._wakeup, 4096)
        except BlockingIOError:
            pass
        self._on_ended(processes.reap())

    def stop(self, verdict: str) -> None:
        """Interrupt the job; it is killed if it is still there after the grace."""
        if self.verdict is None:
            self.verdict = verdict
            self._kill_at = time.monotonic() + GRACE
            processes.interrupt(self.job.pid)

    # --- what arrives

    def _from_server(self) -> None:
        messages = self._stream.receive()
        if messages is None:
            os._exit(0)  # as PID 1: the kernel ends the whole place
        for message in messages:
            if self._relay.take(message):
                continue
            if message.get("op") == "cancel" and message.get("id") == self.request["id"]:
                self.stop("cancelled")
            elif message.get("op") == "runs":
                self._runs.answer(message)

    def _from_job(self) -> bool:
        """Take one packet; False at the end of the socket."""
        try:
            message, descriptors = self.job.control.receive()
        except (EOFError, OSError):
            return False
        for fd in descriptors:
            os.close(fd)
        if message is None:
            return True
        if self.persistent:
            if message.get("nonce") == self.request["inner_nonce"]:
                self._heard = True
                if "status" in message:
                    self.answer = message
                elif "display" in message:
                    self._show(message)
        elif len(self.report) < REPORT_MESSAGES:
            self._report_room -= self.job.control.received
            if not _can_be_sent(message):
                return True
            if self._report_room >= 0:
                self.report.append(message)
        return True

    def _show(self, message: Message) -> None:
        """Keep a display, after all that was printed before it, and say so."""
        for fd in (self.job.out, self.job.err):
            self._output(fd)
        kept = self.shown.add(message["display"], self.captures[0].total)
        number = message.get("number")
        if isinstance(number, int):
            answer = {"nonce": self.request["inner_nonce"], "shown": number, "kept": kept}
            self.job.control.offer(answer)

    def _output(self, fd: int) -> int:
        if fd == self.job.side:
            try:
                data = os.read(fd, 1 << 18)
            except OSError:
                return 0
            if len(self.job.side_data) <= SIDE_BYTES:
                self.job.side_data += data
            return len(data)
        return drain(fd, self.captures[0 if fd == self.job.out else 1])

    # --- what is enforced

    def _enforce(self, now: float) -> None:
        if now >= self._deadline:
            self.stop("timeout")
        if self._kill_at is not None and now >= self._kill_at:
            self._kill_at = now + GRACE
            self._kill()
        if not self._heard and now - self._started > UNHEARD:
            self.unheard = True

    def _kill(self) -> None:
        for number in (signal.SIGKILL, signal.SIGCONT):
            processes.send_signal(self.job.pid, number)

    def _watch(self, now: float) -> None:
        self._runs.tick(now, alone=False)
        total = self.usage.memory()
        if total > self.limits["memory_bytes"] and not self._runs.relieve(total):
            self._out_of_memory(total)
        if exceeded := self.usage.exceeded():
            verdict, what = exceeded
            if self.verdict is None:
                self.notices.append(f"The call was ended: it used {what}.")
            self.stop(verdict)
        if now >= self._next_stream:
            self._send_stream()
            self._next_stream = now + FIRST_STREAM

    def _out_of_memory(self, total: int) -> None:
        own = processes.resident(self.job.pid)
        if own * 2 >= total:
            self.verdict = "oom"
            self._kill()
            return
        # The job is small, what it started is not: it may yet report how that ended.
        ended: processes.Ended = {}
        job = self.job.pid
        if processes.sweep(lambda pid: pid == job or self._runs.spared(pid), ended, seconds=0.2):
            self._on_ended(ended)
            self._note_oom()
        else:
            self._runs.relieve(total, always=True)

    def _note_oom(self) -> None:
        text = "Processes started by the code were ended: together they used more memory than"
        text += f" the session may ({self.limits['memory_bytes'] >> 20} MiB)."
        if text not in self.notices:
            self.notices.append(text)
        if not self.persistent:
            self.verdict = self.verdict or "oom"

    def _send_stream(self) -> None:
        for name, capture in zip(("stdout", "stderr"), self.captures):
            text = capture.unsent.take()
            # A server that does not read must not hold up the deadline.
            if text and self._stream.writable():
                frame = {"type": "stream", "id": self.request["id"], "name": name, "text": text}
                self._stream.send({**frame, "nonce": self.request["nonce"]})

    # --- the end

    def _finish(self) -> None:
        self.drain()
        if self._oom_kills() > self._oom_kills_before:
            if self.answer is None and ended_by(self.job.status) == signal.SIGKILL:
                self.verdict = self.verdict or "oom"
            else:
                self._note_oom()
        if not self.job.ended:
            self.usage.note_peak()

    def drain(self) -> None:
        """Take what the job wrote before it ended, and nothing that comes later."""
        drain(self.job.out, self.captures[0])
        drain(self.job.err, self.captures[1])
        # Bounded: what the job started may still be writing.
        for _ in range(SIDE_READS):
            if self.job.side < 0 or not self._output(self.job.side):
                break
        for _ in range(REPORT_MESSAGES):
            if self.persistent or not self._waiting() or not self._from_job():
                break

    def _waiting(self) -> bool:
        return bool(select.select([self.job.control.socket], [], [], 0)[0])

    def wall_seconds(self) -> float:
        return time.monotonic() - self._started

    def outcome(self) -> dict[str, Any]:
        return outcome(self.request["op"], self.verdict, self.answer, self.job.status)


def _can_be_sent(message: Message) -> bool:
    """Tell if a message that was read is not too deep to be written."""
    if any(isinstance(value, (dict, list)) for value in message.values()):
        try:
            json.dumps(message)
        except RecursionError:
            return False
    return True
