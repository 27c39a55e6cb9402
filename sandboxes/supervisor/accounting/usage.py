"""Resource usage of a call, measured from PID 1: memory, CPU time, files."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING

from bellglass.sandboxes.supervisor import processes
from bellglass.sandboxes.supervisor.accounting.cpu_time import CallTime
from bellglass.sandboxes.supervisor.accounting.files import FileCounter
from bellglass.sandboxes.supervisor.accounting.group_counters import GroupCounters
from bellglass.sandboxes.supervisor.accounting.shared_memory import MIN_GROWTH_BYTES, SharedMemory

if TYPE_CHECKING:
    from bellglass.sandboxes.supervisor.accounting.kernel_memory import Verdict
    from bellglass.sandboxes.supervisor.background.runs import Runs


class Usage:
    """Resource usage of one call, from construction on."""

    def __init__(
        self,
        job: int,
        limits: dict[str, int],
        own_pids: AbstractSet[int],
        checkpoint: int,
        runs: Runs,
        group: GroupCounters,
        files: FileCounter,
        newest: int,
    ) -> None:
        """`job` is the process of the call, `own_pids` are the worker and its `checkpoint`.

        They and background runs are excluded; memory and file counts cover the whole session.
        `newest` is the newest process when the call began.
        """
        self.peak = 0
        """The most memory that was seen, in bytes."""
        if job in own_pids:
            processes.forget_peak(job)  # drop the peak of earlier calls
        self._job = job
        self._own = {*own_pids, job}
        self._checkpoint = checkpoint
        self._shared = SharedMemory(limits["memory_bytes"], job, checkpoint)
        self._limits = limits
        self._runs = runs
        self._group = group
        self._oom_kills_before = self._oom_kills()
        self._cpu = CallTime(job, self._started, newest, self._reaped())
        self._group_cpu_before = None if runs.roots() else group.cpu_seconds()
        self._files = files
        self._files_before = files.most()

    def memory(self) -> int:
        """Return the bytes in memory now.

        The checkpoint shares its pages with the worker; they are not counted twice.
        """
        total = seen = processes.memory({self._checkpoint})
        if total - processes.resident(self._job) > MIN_GROWTH_BYTES:
            total, seen = self._shared.counted_once(total), self._shared.seen
        self.peak = max(self.peak, seen)
        return total

    def exceeded(self) -> Verdict | None:
        """Return the verdict and the exceeded resource, if any, except for memory."""
        most_cpu, most_files = self._limits["cpu_seconds"], self._limits["files"]
        if self.cpu_seconds(processes.last_pid()) > most_cpu:
            return "timeout", f"more than {most_cpu} s of CPU time, its limit"
        now = self._files.most()
        if now > max(most_files, self._files_before):
            return "killed", f"{now:,} files, more than its limit of {most_files:,}"
        return None

    def note_peak(self) -> None:
        """Take in the kernel's own peak for the job, which periodic measurements miss."""
        self.peak = max(self.peak, processes.peak(self._job))

    def oom_killed(self) -> bool:
        """Tell if the kernel killed a process for lack of memory that belonged to no run."""
        return self._oom_kills() > self._oom_kills_before

    def _oom_kills(self) -> int:
        return self._group.oom_kills() - self._runs.oom_kills

    def cpu_seconds(self, newest: int) -> float:
        """Return the CPU time of the job, and of every process started since, up to `newest`.

        The control group knows of processes that came and went unseen. Its figure may be a little
        behind, and it includes background runs.
        """
        counted = self._cpu.seconds(self._reaped(), newest)
        before, now = self._group_cpu_before, self._group.cpu_seconds()
        return counted if before is None or now is None else max(counted, now - before)

    def _reaped(self) -> float:
        return processes.reaped_cpu_seconds() - self._runs.cpu_seconds

    def _started(self) -> list[int]:
        """Return the processes, zombies included, that are neither ours nor of a run."""
        return [
            pid for pid in processes.pids() if pid not in self._own and not self._runs.is_kept(pid)
        ]
