"""Counters of the sandbox's control group."""

from __future__ import annotations

import os
import re
import time
from typing import NamedTuple

_OOM_KILLS = re.compile(rb"^oom_kill (\d+)", re.MULTILINE)
_CPU_TIME = re.compile(rb"^usage_usec (\d+)|^(\d+)$", re.MULTILINE)
"""Of cpu.stat in microseconds, or of cpuacct.usage in nanoseconds."""


class GroupCounters(NamedTuple):
    """Descriptors of the control group's files; None where a file does not exist."""

    memory_events: int | None
    """memory.events or memory.oom_control; /proc/vmstat if the sandbox has its own kernel."""
    cpu_time: int | None
    """cpu.stat, or cpuacct.usage of version 1."""

    def oom_kills(self) -> int:
        """Return how many processes of this sandbox the kernel has killed for lack of memory."""
        found = _found(_OOM_KILLS, self.memory_events)
        return int(found[1]) if found else 0

    def cpu_seconds(self) -> float | None:
        """Return the CPU time of all processes but PID 1, including those nobody waited for."""
        found = _found(_CPU_TIME, self.cpu_time)
        if found is None:
            return None
        seconds = int(found[1]) / 1e6 if found[1] else int(found[2]) / 1e9
        return seconds - time.process_time()


def _found(pattern: re.Pattern[bytes], descriptor: int | None) -> re.Match[bytes] | None:
    if descriptor is None:
        return None
    try:
        return pattern.search(os.pread(descriptor, 16_384, 0))
    except OSError:
        return None
