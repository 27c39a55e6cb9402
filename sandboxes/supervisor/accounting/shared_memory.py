"""What processes share, counted once: a pool of forked workers holds its data one time, not ten."""

from __future__ import annotations

import signal
import time

from bellglass.sandboxes.supervisor import processes

MAX_PROCESSES = 32
"""With more processes it is no pool but a flood, that is to end while we still get to run."""

MIN_GROWTH_BYTES = 16 * 1024**2
"""Bytes that are not worth a look."""

LOOK_CPU_SECONDS = 0.25
"""CPU time for one look: enough for 5 GB, such as 16 processes that have 300 MB in common."""

LOOK_TIMEOUT_SECONDS = 0.3
"""For one look in all: the kernel has us wait for a process that is just forking, and on a busy
machine forks take long. Nobody ends a bomb meanwhile."""

LAST_LOOK_TIMEOUT_SECONDS = 2.0
"""The same where a life hangs on it, and all have been told to stop."""

MIN_PAUSE_IN_LOOKS = 10
"""Times as long as the last look took is the pause after it."""


class SharedMemory:
    """How much of the sum of all processes is counted more than once.

    The kernel finds that out page by page, 15 ms for 300 MB. So it is asked now and then, and what
    has come since is taken to be nobody else's.
    """

    def __init__(self, limit: int, job: int, copy: int) -> None:
        """`job` is the process of the call. What `copy` alone has does not count."""
        self.seen = 0
        """Bytes at the last look."""
        self._limit = limit
        self._job = job
        self._copy = copy
        self._sum = 0
        self._not_before = 0.0

    def counted_once(self, total: int) -> int:
        """Return at most `total`, the sum of what is resident, but rather too much."""
        pids = list(processes.pids())
        if len(pids) > MAX_PROCESSES:
            return total
        self._sum = min(self._sum, total)
        bound = min(total, self.seen + total - self._sum)
        if bound <= self._limit and time.monotonic() < self._not_before:
            return bound
        if total > self._limit:
            return self._judged(total, pids)
        return self._look(total, pids) if total - self._sum > MIN_GROWTH_BYTES else bound

    def _judged(self, total: int, pids: list[int]) -> int:
        """Look while nothing can grow. If it is too much, who is not the job stays stopped."""
        held = [pid for pid in pids if pid != self._copy and not processes.stopped(pid)]
        for pid in held:
            processes.send_signal(pid, signal.SIGSTOP)
        once = self._look(total, pids, LAST_LOOK_TIMEOUT_SECONDS)
        for pid in held if once <= self._limit else {self._job}.intersection(held):
            processes.send_signal(pid, signal.SIGCONT)
        return once

    def _look(self, total: int, pids: list[int], seconds: float = LOOK_TIMEOUT_SECONDS) -> int:
        began, since = time.thread_time(), time.monotonic()
        once = 0
        for pid in pids:
            once += share(pid, alone=pid != self._copy)
            waited = time.monotonic() - since
            if waited > seconds or time.thread_time() - began > LOOK_CPU_SECONDS:
                self._not_before = time.monotonic() + MIN_PAUSE_IN_LOOKS * waited
                return total
        self._sum, self.seen = total, min(once, total)
        self._not_before = time.monotonic() + MIN_PAUSE_IN_LOOKS * (time.thread_time() - began)
        return self.seen


def share(pid: int, *, alone: bool = True) -> int:
    """Return the bytes of a process: of what n processes share, an n-th.

    `alone`: with what it alone has. All that is resident counts where the kernel does not say more:
    under gVisor, and of a process that has closed itself to inspection.
    """
    try:
        with open(f"/proc/{pid}/smaps_rollup", "rb", buffering=0) as file:  # proc_pid_smaps(5)
            lines = file.read(4096).splitlines()[1:]
        sizes = {line.split()[0]: int(line.split()[1]) * 1024 for line in lines}
        own = sizes[b"Private_Clean:"] + sizes[b"Private_Dirty:"]
        return sizes[b"Pss:"] - (0 if alone else own)
    except (OSError, ValueError, KeyError, IndexError):
        return processes.resident(pid) if alone else 0
