"""CPU time of processes that come and go, including those that nobody waits for."""

from __future__ import annotations

import time
from collections.abc import Iterable

from bellglass.sandboxes.supervisor import processes


class CpuMeter:
    """Adds up the CPU time of a changing set of processes.

    The time of a child that has ended counts for the process that waits for it. If nobody waits,
    because SIGCHLD is ignored, the kernel drops it: then the last reading of the child counts.
    """

    def __init__(self) -> None:
        self._last: dict[int, processes.Spent] = {}
        self._reaped = 0.0
        self._gone = 0.0
        """CPU seconds of processes that no longer exist, from the last reading."""
        self._waited_for = 0.0
        """CPU seconds that waited-for children added: never less than their part of `_gone`."""

    def seconds(self, pids: Iterable[int], reaped: float = 0.0) -> float:
        """Return the CPU time so far; `reaped` is the time of the children that we waited for.

        The caller measures `reaped` before it lists the processes, so that nothing counts twice.
        """
        now = {pid: spent for pid in pids if (spent := processes.spent(pid)) is not None}
        for pid, last in self._last.items():
            spent = now.get(pid)
            if spent is not None and spent.started == last.started:
                self._waited_for += spent.waited_for - last.waited_for
            else:
                self._gone += last.own + last.waited_for
        self._waited_for += reaped - self._reaped
        self._last, self._reaped = now, reaped
        living = sum(spent.own + spent.waited_for for spent in now.values())
        return living + reaped + max(0.0, self._gone - self._waited_for)


class CallTime:
    """CPU time of one call: of its job, and of every process started since."""

    def __init__(self, job: int, others: processes.Lister, newest: int, reaped: float) -> None:
        """`others` lists processes that may belong to the call, including older zombies.

        `newest` is the newest process when the call began, `reaped` is as in `seconds`.
        """
        self._job = job
        self._others = others
        self._meter = CpuMeter()
        self._newest = newest
        self._began = time.clock_gettime(time.CLOCK_BOOTTIME) * processes.TICKS_PER_SECOND
        self._started_some = False
        self._before = self._meter.seconds([job], reaped)
        self._clock_before = processes.cpu_clock(job)

    def seconds(self, reaped: float, newest: int) -> float:
        """Return the CPU time so far.

        `reaped` is what PID 1 has waited for since it started, `newest` is the newest process now.
        """
        self._started_some = self._started_some or newest != self._newest
        if not self._started_some:
            # Only the job itself can have used any: one clock instead of files to read.
            clock = processes.cpu_clock(self._job)
            if clock is not None and self._clock_before is not None:
                return clock - self._clock_before
        started = filter(self._is_of_the_call, self._others()) if self._started_some else ()
        return max(0.0, self._meter.seconds([self._job, *started], reaped) - self._before)

    def _is_of_the_call(self, pid: int) -> bool:
        return processes.alive(pid) or (processes.start_time(pid) or 0) >= int(self._began)
