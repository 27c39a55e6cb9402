"""What processes share, counted once: a pool of forked workers holds its data one time, not ten."""

from __future__ import annotations

import time

from bellglass.sandboxes.runner import processes

CLOSE = 16 * 1024**2
"""Bytes that are not worth a look."""

LOOK_SECONDS = 0.25
"""CPU time for one look: enough for 5 GB, such as 16 processes that have 300 MB in common."""

APART = 4
"""Times as long as the last look took is the pause after it."""


class Shared:
    """How much of the sum of all processes is counted more than once.

    The kernel finds that out page by page, 15 ms for 300 MB. So it is asked now and then, and what
    has come since is taken to be nobody else's.
    """

    def __init__(self, limit: int, copy: int) -> None:
        """`copy` is a process whose own pages do not count; 0 if there is none."""
        self._limit = limit
        self._copy = copy
        self._sum = 0
        self.seen = 0
        """What it was at the last look."""
        self._not_before = 0.0

    def counted_once(self, total: int) -> int:
        """Return at most `total`, the sum of what is resident, but rather too much."""
        bound = self.seen + max(0, total - self._sum)
        is_close = total - self._sum < CLOSE
        if bound <= self._limit and (is_close or time.monotonic() < self._not_before):
            return min(bound, total)
        began = time.thread_time()
        once = 0
        for pid in processes.pids():
            once += _share(pid, alone=pid != self._copy)
            if time.thread_time() - began > LOOK_SECONDS:
                return total
        self._sum, self.seen = total, min(once, total)
        self._not_before = time.monotonic() + APART * (time.thread_time() - began)
        return self.seen


def _share(pid: int, *, alone: bool) -> int:
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
