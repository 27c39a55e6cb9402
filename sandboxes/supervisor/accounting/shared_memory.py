"""Memory that processes share, counted once: a pool of forked workers holds its data once."""

from __future__ import annotations

import signal
import time
from typing import NamedTuple

from bellglass.sandboxes.supervisor import processes

MAX_PROCESSES = 32
"""More processes than this are a flood, which has to be ended while we still get to run."""

MIN_GROWTH_BYTES = 16 * 1024**2
"""Fewer bytes than this are not worth a measurement."""

MAX_LOOK_CPU_SECONDS = 0.25
"""CPU time for one measurement: enough for 5 GB, such as 16 processes that share 300 MB."""

LOOK_TIMEOUT_SECONDS = 0.3
"""Time for one measurement: the kernel makes us wait for a process that is forking, and forks take
long on a busy machine. Nobody ends a fork bomb meanwhile."""

LAST_LOOK_TIMEOUT_SECONDS = 2.0
"""Time for a measurement that decides about a kill, when all processes have been stopped."""

MIN_PAUSE_PER_LOOK = 10
"""The pause after a measurement, as a multiple of the time that it took."""


class SharedMemory:
    """Measures how much of the sum of all processes is counted more than once.

    The kernel finds that out page by page: 15 ms for 300 MB. So it is asked only now and then, and
    growth since then counts as unshared.
    """

    def __init__(self, limit: int, job: int, checkpoint: int) -> None:
        """`job` is the process of the call. Memory of `checkpoint` alone does not count."""
        self.seen = 0
        """Shared bytes at the last measurement."""
        self._limit = limit
        self._job = job
        self._checkpoint = checkpoint
        self._sum = 0
        self._not_before = 0.0

    def counted_once(self, total: int) -> int:
        """Return at most `total`, the resident sum; when in doubt, a figure that is too high."""
        pids = list(processes.pids())
        if len(pids) > MAX_PROCESSES:
            return total
        self._sum = min(self._sum, total)
        bound = min(total, self.seen + total - self._sum)
        if bound <= self._limit and time.monotonic() < self._not_before:
            return bound
        if total > self._limit:
            return self._measure_stopped(total, pids)
        return self._look(total, pids) if total - self._sum > MIN_GROWTH_BYTES else bound

    def _measure_stopped(self, total: int, pids: list[int]) -> int:
        """Measure while everything is stopped. Above the limit, only the job is continued."""
        held = [pid for pid in pids if pid != self._checkpoint and not processes.stopped(pid)]
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
            once += share(pid, alone=pid != self._checkpoint)
            waited = time.monotonic() - since
            if waited > seconds or time.thread_time() - began > MAX_LOOK_CPU_SECONDS:
                self._not_before = time.monotonic() + MIN_PAUSE_PER_LOOK * waited
                return total
        self._sum, self.seen = total, min(once, total)
        self._not_before = time.monotonic() + MIN_PAUSE_PER_LOOK * (time.thread_time() - began)
        return self.seen


def share(pid: int, *, alone: bool = True) -> int:
    """Return the bytes of a process; memory shared by n processes counts as an n-th.

    `alone`: include what only this process has. All resident memory counts where the kernel gives
    no details: under gVisor, and for a process that is not dumpable.
    """
    sizes = _sizes(pid)
    if sizes is None:
        return processes.resident(pid) if alone else 0
    return sizes.shares - (0 if alone else sizes.own)


def held_bytes(worker: int, checkpoint: int) -> int:
    """Return what the worker has, and what only the checkpoint has: all, if nothing is told."""
    sizes = _sizes(checkpoint)
    own = processes.resident(checkpoint) if sizes is None else sizes.own
    return processes.resident(worker) + own


class _Sizes(NamedTuple):
    shares: int
    own: int


def _sizes(pid: int) -> _Sizes | None:
    try:
        with open(f"/proc/{pid}/smaps_rollup", "rb", buffering=0) as file:  # proc_pid_smaps(5)
            lines = file.read(4096).splitlines()[1:]
        sizes = {line.split()[0]: int(line.split()[1]) * 1024 for line in lines}
        own = sizes[b"Private_Clean:"] + sizes[b"Private_Dirty:"]
        return _Sizes(sizes[b"Pss:"], own)
    except (OSError, ValueError, KeyError, IndexError):
        return None
