"""CPU time of processes that come and go, also of those that nobody waits for."""

from __future__ import annotations

import time
from collections.abc import Iterable

from bellglass.sandboxes.supervisor import processes


class CpuMeter:
    """Adds up what a changing set of processes uses.

    A child that has ended counts for whoever waits for it. If nobody does, because SIGCHLD is
    ignored, the kernel forgets what it used: then what was last seen of it counts.
    """

    def __init__(self) -> None:
        self._last: dict[int, processes.Spent] = {}
        self._reaped = 0.0
        self._gone = 0.0
        """Used by processes that are not there any more, as last seen."""
        self._waited_for = 0.0
        """Used by those that somebody has waited for: never less than their part of `_gone`."""

    def seconds(self, pids: Iterable[int], reaped: float = 0.0) -> float:
        """Return what they have used so far; `reaped` is what we have waited for ourselves.

        That has to be measured before the processes are listed: nothing may count twice.
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
    """CPU time of one call: of its job, and of all that was started since."""

    def __init__(self, job: int, others: processes.Lister) -> None:
        """`others` lists what may be of the call, beside the job; zombies from before it too."""
        self._job = job
        self._others = others
        self._meter = CpuMeter()
        self._newest = 0
        self._began = time.clock_gettime(time.CLOCK_BOOTTIME) * processes.TICKS_PER_SECOND
        self._started_some = False

    def seconds(self, reaped: float) -> float:
        """Return it with `reaped`, what PID 1 has waited for since its own beginning.

        The first time it is what had been used before.
        """
        newest = processes.last_pid()
        self._started_some = self._started_some or newest != (self._newest or newest)
        self._newest = newest
        started = filter(self._is_of_the_call, self._others()) if self._started_some else ()
        return self._meter.seconds([self._job, *started], reaped)

    def _is_of_the_call(self, pid: int) -> bool:
        return processes.alive(pid) or (processes.start_time(pid) or 0) >= int(self._began)
