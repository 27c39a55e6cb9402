"""What the control group of the sandbox counts."""

from __future__ import annotations

import os
import re
import time
from typing import NamedTuple


class GroupCounters(NamedTuple):
    """Descriptors of files of the control group; None for what there is not."""

    memory_events: int | None
    """Its memory.events or memory.oom_control; /proc/vmstat where the kernel is the sandbox's."""
    cpu_time: int | None
    """Its cpu.stat, or the cpuacct.usage of version 1."""

    def oom_kills(self) -> int:
        """Return how often the kernel has ended a process of this sandbox for want of memory."""
        return _number(rb"^oom_kill (\d+)", self.memory_events) or 0

    def cpu_seconds(self) -> float | None:
        """Return the CPU time of all processes but ours, those that nobody waited for too."""
        microseconds = _number(rb"^usage_usec (\d+)", self.cpu_time)
        if microseconds is not None:
            return microseconds / 1e6 - time.process_time()
        nanoseconds = _number(rb"^(\d+)$", self.cpu_time)
        return None if nanoseconds is None else nanoseconds / 1e9 - time.process_time()


def _number(pattern: bytes, descriptor: int | None) -> int | None:
    if descriptor is None:
        return None
    try:
        text = os.pread(descriptor, 16_384, 0)
    except OSError:
        return None
    found = re.search(pattern, text, re.MULTILINE)
    return int(found[1]) if found else None
