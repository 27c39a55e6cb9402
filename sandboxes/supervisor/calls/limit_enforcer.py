"""Limits that end a call: the deadline, a cancellation, memory, CPU time, files.

The verdict is made here, outside the process that runs the foreign code.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from bellglass.sandboxes.supervisor import processes
from bellglass.sandboxes.supervisor.accounting.usage import Usage
from bellglass.sandboxes.supervisor.background.runs import Runs
from bellglass.sandboxes.supervisor.job import Job
from bellglass.sandboxes.supervisor.report.exit_status import ended_by

if TYPE_CHECKING:
    from bellglass.sandboxes.wire.schema.basics import Status

INTERRUPT_GRACE_SECONDS = 0.4
"""Seconds between the interrupt and the kill: a call with a limit of 1 s ends within 2, unless the
machine is busy."""

MAX_GRACE_PERIODS = 6
"""Grace periods granted to a job that is ready to run and gets no processor."""

MIN_CPU_SECONDS = 0.1
"""Seconds of CPU time in which a job that handles the interrupt has answered."""


class LimitEnforcer:
    """Ends one call, or what it started, at a limit; keeps the verdict."""

    def __init__(
        self,
        job: Job,
        usage: Usage,
        limits: dict[str, int],
        deadline: float,
        *,
        persistent: bool,
        runs: Runs,
        on_ended: Callable[[processes.Ended], None],
    ) -> None:
        """`deadline` is on the monotonic clock."""
        self.verdict: Status | None = None
        """Why the call was ended, if it was."""
        self.notices: list[str] = []
        self._job = job
        self._usage = usage
        self._limits = limits
        self._deadline = deadline
        self._kill_at: float | None = None
        self._interrupted = False
        self._graces = 1
        self._cpu_before = 0.0
        """CPU time of the job when it was interrupted, or should have been."""
        self._persistent = persistent
        self._runs = runs
        self._on_ended = on_ended

    def stop(self, verdict: Status) -> None:
        """Have `enforce` interrupt the job; kill it if it still exists after the grace period."""
        self.verdict = self.verdict or verdict
        if self._kill_at is None:
            self._kill_at = time.monotonic() + INTERRUPT_GRACE_SECONDS
            self._cpu_before = processes.cpu_seconds(self._job.pid)

    def kill_now(self, notice: str) -> None:
        """Kill the job at once."""
        if self.verdict is None:
            self.verdict = "killed"
            self.notices.append(notice)
        self._kill()

    # --- time

    @property
    def due(self) -> float:
        """The latest time at which `enforce` has to run next."""
        return self._kill_at or self._deadline

    def enforce(self, now: float, *, begun: bool) -> None:
        """Interrupt the job at its deadline, and kill it after the grace period.

        `begun`: the job has begun, so it would react to an interrupt.
        """
        if now >= self._deadline:
            self.stop("timeout")
        if self._kill_at is None:
            return
        if begun and not self._interrupted:
            self._interrupted = True
            self._kill_at = now + INTERRUPT_GRACE_SECONDS
            self._cpu_before = processes.cpu_seconds(self._job.pid)
            processes.interrupt(self._job.pid)
        elif now >= self._kill_at:
            self._kill_at = now + INTERRUPT_GRACE_SECONDS
            if self._starved():
                self._graces += 1
            else:
                self._kill()

    def _starved(self) -> bool:
        """Tell if the job got no processor yet: killing it for that would lose the variables."""
        pid = self._job.pid
        used = processes.cpu_seconds(pid) - self._cpu_before
        return (
            self._graces < MAX_GRACE_PERIODS and used < MIN_CPU_SECONDS and processes.runnable(pid)
        )

    def _kill(self) -> None:
        for number in (signal.SIGKILL, signal.SIGCONT):
            processes.send_signal(self._job.pid, number)

    # --- resource usage

    def measure(self) -> None:
        """Measure what the call uses, and end what exceeds a limit."""
        total = self._usage.memory()
        if total > self._limits["memory_bytes"] and not self._runs.relieve(total):
            self._out_of_memory(total)
        if exceeded := self._usage.exceeded():
            verdict, what = exceeded
            if self.verdict is None:
                self.notices.append(f"The call was ended: it used {what}.")
            self.stop(verdict)

    def _out_of_memory(self, total: int) -> None:
        own = processes.resident(self._job.pid)
        if own * 2 >= total:
            self.verdict = "oom"
            self._kill()
            return
        # The job itself is small: its children are killed, and it may report how they ended.
        ended: processes.Ended = {}
        job = self._job.pid
        if processes.sweep(lambda pid: pid == job or self._runs.is_kept(pid), ended, seconds=0.2):
            self._on_ended(ended)
            self._note_oom()
        else:
            self._runs.relieve(total, always=True)

    def _note_oom(self) -> None:
        text = "Processes that the code started were ended: together they used more memory than"
        text += f" the session has ({self._limits['memory_bytes'] >> 20} MiB)."
        if text not in self.notices:
            self.notices.append(text)
        if not self._persistent:
            self.verdict = self.verdict or "oom"

    def finish(self, *, answered: bool) -> None:
        """Take in the kernel's own kills and figures, when the job has answered or ended."""
        if self._runs.all_ended_for is not None:
            verdict, what = self._runs.all_ended_for
            self._runs.all_ended_for = None
            self.verdict = self.verdict or verdict
            self.notices.append(f"Everything in the session was ended: it held {what}.")
        if self._usage.oom_killed():
            if not answered and ended_by(self._job.status) == signal.SIGKILL:
                self.verdict = self.verdict or "oom"
            else:
                self._note_oom()
        if not self._job.ended:
            self._usage.note_peak()
