"""One background run: its limits, its output, and how it ended."""

from __future__ import annotations

import os
import signal
import time
from typing import TYPE_CHECKING, Literal

from bellglass.sandboxes.common.limits import MAX_CALL_SECONDS
from bellglass.sandboxes.supervisor import processes
from bellglass.sandboxes.supervisor.accounting.cpu_time import CpuMeter
from bellglass.sandboxes.supervisor.background import process_tree
from bellglass.sandboxes.supervisor.background.output import Output
from bellglass.sandboxes.supervisor.job import Job
from bellglass.sandboxes.supervisor.report import untrusted
from bellglass.sandboxes.supervisor.report.display_log import DisplayLog, displayed
from bellglass.sandboxes.supervisor.report.exit_status import outcome
from bellglass.sandboxes.supervisor.worker_socket import SMUGGLED, Smuggled
from bellglass.sandboxes.wire.framing import STREAM_INTERVAL_SECONDS

if TYPE_CHECKING:
    from bellglass.sandboxes.wire.schema.basics import Mark, RunStatus, Status
    from bellglass.sandboxes.wire.schema.execution import Display, Outcome, RunState
    from bellglass.sandboxes.wire.schema.frames import Note, Stream
    from bellglass.sandboxes.wire.schema.packets import Answered, Claim
    from bellglass.sandboxes.wire.schema.requests import BashCall, PythonCall

INTERRUPT_GRACE_SECONDS = 1.0
"""Seconds between the interrupt and the kill."""

RETURNED = "The code had already returned; the processes that it had started were ended."

EXIT_TIMEOUT_SECONDS = 0.15
"""Seconds that a process may take to end when its code has ended."""

KILL_TIMEOUT_SECONDS = 2.0
"""Seconds for killed processes to disappear on a busy machine; the kernel may hold some longer."""

MAX_PACKETS_PER_TICK = 200
"""Packets taken from a run's socket in one tick; more wait for the next."""


class Run:
    """A job that goes on after its call has returned."""

    def __init__(
        self, request: PythonCall | BashCall, job: Job, nonce: str, limits: dict[str, int]
    ) -> None:
        """`nonce` is the one that the job answers with; the request's stays with the server."""
        self.name = request["run"]
        self.op = request["op"]
        self.job = job
        self.answer: Answered | None = None
        self.verdict: Status | None = None
        self.notices: list[str] = []
        self.finished = False
        """Whether nothing of it is left."""
        self.state: RunStatus = "running"
        """Its state, as `refresh` found it."""
        self.reported: RunStatus | None = None
        """The last state that was sent to the server."""
        self.held = False
        """Whether its processes are stopped while tests run."""
        self.peak = 0
        self.known: list[tuple[int, int]] = []
        """Its processes when last listed, each with its start time."""
        self.mark: Mark = {"id": request["id"], "nonce": request["nonce"]}
        """Of the request that began it; frames about it have it too."""
        self._nonce = nonce
        self._shown = DisplayLog(request["id"])
        self._files: list[str] = []
        self._started = time.monotonic()
        self.ended_at = 0.0
        """On the monotonic clock."""
        self._seconds = request["timeout"]
        self._kill_at: float | None = None
        self._returned: float | None = None
        """When its code ended by itself, if it did."""
        self._packets = 0
        self._watched_until = 0.0
        """Until when the server wants the output streamed."""
        self._next_stream = 0.0
        self._cpu = 0.0
        self._meter = CpuMeter()
        # In proportion to what a call may use in its longest time.
        self._most_cpu = limits["cpu_seconds"] * max(1.0, self._seconds / MAX_CALL_SECONDS)
        kept, file_bytes = limits["output_bytes"], limits["output_file_bytes"]
        self.out, self.err = (
            Output(f"/tmp/{self.name}-{stream}.txt", kept, file_bytes)
            for stream in ("stdout", "stderr")
        )

    def refresh(self) -> None:
        """Find out its state: running; returned, while what it started goes on; or ended.

        A reply and a note each rely on one such reading.
        """
        self.state = "returned" if self.reported == "returned" else "running"
        if self.finished:
            if not self._dying():
                self.state = "ended"
        elif self.verdict is None and self._lingers():
            self.state = "returned"

    def _lingers(self) -> bool:
        """Tell if it goes on though its code has ended.

        Most runs end a moment later, and one message is better than two.
        """
        returned = self._returned
        return returned is not None and time.monotonic() - returned > EXIT_TIMEOUT_SECONDS

    def _dying(self) -> bool:
        """Tell if something of it still exists after the kill: it has not ended until then."""
        young = time.monotonic() - self.ended_at < KILL_TIMEOUT_SECONDS
        return young and process_tree.any_alive(self.known)

    # --- input from the job

    def take_packet(self) -> bool:
        """Take a packet from the job; return False at the end of the socket."""
        self._packets += 1
        try:
            message = self.job.control.next()
        except Smuggled:
            self.kill("killed", SMUGGLED)
            return False
        except (EOFError, OSError):
            return False
        if message is None or message.get("nonce") != self._nonce:
            return True
        if message.get("type") == "display":
            self._show(message)
        elif message.get("type") == "answer" and self.answer is None:
            self.answer = untrusted.answer(message)
            self._returned = time.monotonic() if self.verdict is None else None
        return True

    def _show(self, message: Claim) -> None:
        """Keep a display at its place in the output that came before it, and acknowledge it."""
        self.out.take(self.job.out)
        kept = self._shown.put(message, self.out.unread)
        number = message.get("number")
        if isinstance(number, int):
            self.job.control.offer(displayed(self._nonce, number, kept=kept))

    def displays(self) -> list[Display]:
        """Return the displays since the last call; called before `out` is read, for positions."""
        shown, self._shown = self._shown, DisplayLog(self.mark["id"])
        self._files += shown.files
        return shown.report(self.out)

    @property
    def full(self) -> bool:
        """Whether this tick's allowance is used up: a flood must not cost PID 1 a processor."""
        return self._packets >= MAX_PACKETS_PER_TICK or self.out.full or self.err.full

    def next_tick(self) -> None:
        self._packets = 0
        self.out.next_tick()
        self.err.next_tick()

    def watch(self, seconds: float) -> None:
        """Stream the output for this long."""
        self._watched_until = max(self._watched_until, time.monotonic() + seconds)
        for output in (self.out, self.err):
            output.unsent.take()

    def frames(self, now: float) -> list[Stream | Note]:
        """Return the frames due to the server: new output if it is watched, and a new state."""
        frames: list[Stream | Note] = []
        if now < self._watched_until and (now >= self._next_stream or self.finished):
            self._next_stream = now + STREAM_INTERVAL_SECONDS
            outputs: dict[Literal["stdout", "stderr"], Output]
            outputs = {"stdout": self.out, "stderr": self.err}
            for name, output in outputs.items():
                if text := output.unsent.take():
                    frames.append({"type": "stream", **self.mark, "name": name, "text": text})
        self.refresh()
        if self.state != self.reported and self.state != "running":
            self.reported = self.state
            frames.append({"type": "note", **self.mark, "state": self.state})
        return frames

    # --- enforcement

    def stop(self, verdict: Status, notice: str = "") -> None:
        """Interrupt it; kill it if it still exists after the grace period."""
        if self.held:
            self.kill(verdict, notice)  # a stopped run would have to continue to see an interrupt
        elif self.verdict is None and not self.finished:
            self.verdict = verdict
            self._kill_at = time.monotonic() + INTERRUPT_GRACE_SECONDS
            if notice:
                self.notices.append(notice)
            if self._returned is not None:
                self.notices.append(RETURNED)
            processes.interrupt(self.job.pid)

    def extend(self, seconds: float) -> None:
        """Allow it more time, after it was stopped for this long."""
        self._seconds += seconds

    def kill(self, verdict: Status, notice: str = "") -> None:
        if self.verdict is None and notice:
            self.notices.append(notice)
        self.verdict = self.verdict or verdict
        process_tree.end(self.job.pid)

    def enforce(self, now: float, members: list[int]) -> None:
        self.known = [(pid, start) for pid in members if (start := processes.start_time(pid))]
        self._cpu = max(self._cpu, self._meter.seconds(members))
        self.peak = max(self.peak, sum(map(processes.resident, members)))
        if now - self._started > self._seconds:
            self.stop("timeout")
        if self._cpu > self._most_cpu:
            most = f"{self._most_cpu:.0f} s of CPU time, its limit"
            self.stop("timeout", f"The run was ended: it used more than {most}.")
        if self._kill_at is not None and now >= self._kill_at:
            self._kill_at = now + INTERRUPT_GRACE_SECONDS
            self.kill("killed")

    # --- its end

    def end(self, cpu_seconds: float) -> None:
        """Note that its process has ended: end what it left, and drain the pipes."""
        process_tree.end_known(self.known)
        self._cpu = max(self._cpu, cpu_seconds)
        self.next_tick()
        self.out.take(self.job.out)
        self.err.take(self.job.err)
        while not self.full and self.job.control.waiting and self.take_packet():
            pass
        self.job.close()
        self.out.close()
        self.err.close()
        self.ended_at = time.monotonic()
        self.finished = True

    @property
    def killed(self) -> bool:
        """Whether something other than the supervisor killed it."""
        status = self.job.status
        killed = status is not None and os.WIFSIGNALED(status)
        return killed and os.WTERMSIG(status or 0) == signal.SIGKILL and self.verdict is None

    def forget(self) -> None:
        for path in (self.out.file.path, self.err.file.path, *self._files, *self._shown.files):
            try:
                os.unlink(path)
            except OSError:
                pass

    # --- reports

    def facts(self) -> RunState:
        """Return the facts about it, available at any time."""
        until = self.ended_at if self.finished else time.monotonic()
        return {
            "id": self.name,
            "op": self.op,
            "state": self.state,
            "seconds": round(until - self._started, 3),
            "limit_seconds": self._seconds,
            "processes": 0 if self.finished else len(self.known),
            "files": [output.file.path for output in (self.out, self.err) if output.file.there],
        }

    def outcome(self) -> Outcome:
        if self.state == "running":
            return {"status": "running", "exit_code": None, "signal": None}
        returned = self._returned is not None and self.verdict in ("cancelled", "timeout")
        return outcome(self.op, None if returned else self.verdict, self.answer, self.job.status)

    @property
    def wall_seconds(self) -> float:
        return (self.ended_at or time.monotonic()) - self._started

    @property
    def cpu_seconds(self) -> float:
        return self._cpu
