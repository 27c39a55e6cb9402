"""Counters of the sandbox's control group."""

from __future__ import annotations

import os
import re
import time
from typing import NamedTuple


class GroupCounters(NamedTuple):
    """Descriptors of the control group's files; None where a file does not exist."""

    memory_events: int | None
    """memory.events or memory.oom_control; /proc/vmstat if the sandbox has its own kernel."""
    cpu_time: int | None
    """cpu.stat, or cpuacct.usage of version 1."""

    def oom_kills(self) -> int:
        """Return how many processes of this sandbox the kernel has killed for lack of memory."""
        return _number(rb"^oom_kill (\d+)", self.memory_events) or 0

    def cpu_seconds(self) -> float | None:
        """Return the CPU time of all processes but PID 1, including those nobody waited for."""
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
