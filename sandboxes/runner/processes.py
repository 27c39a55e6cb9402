"""The processes of the place, seen from its PID 1: counting, measuring, ending."""

from __future__ import annotations

import itertools
import os
import resource
import signal
import time
from collections.abc import Iterator
from collections.abc import Set as AbstractSet

_UNTOLD = itertools.count(1)

PAGE = os.sysconf("SC_PAGE_SIZE")
TICK = os.sysconf("SC_CLK_TCK")


def pids() -> Iterator[int]:
    """Every process of the place but ourselves."""
    me = os.getpid()
    for name in os.listdir("/proc"):
        if name.isdigit() and int(name) != me:
            yield int(name)


def last_pid() -> int:
    """The newest process or thread id of this PID namespace.

    The last field of /proc/loadavg: while it stands still, nothing has been started. One small
    read instead of a walk through /proc after every call. Where the kernel does not say (gVisor
    has 0 there) each answer is a new one, and so the walk is made.
    """
    with open("/proc/loadavg", "rb", buffering=0) as file:
        return int(file.read(100).split()[-1]) or -next(_UNTOLD)


def reap() -> dict[int, int]:
    """Collect every child that has ended: its exit status by its pid."""
    ended: dict[int, int] = {}
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return ended
        if pid == 0:
            return ended
        ended[pid] = status


def send_signal(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except OSError:
        pass


def interrupt(pid: int) -> None:
    """SIGINT for the whole group, as Ctrl-C does; a stopped process has to run to see it."""
    for number in (signal.SIGINT, signal.SIGCONT):
        try:
            os.killpg(pid, number)
        except OSError:
            send_signal(pid, number)


def sweep(spare: AbstractSet[int], ended: dict[int, int], seconds: float = 2.0) -> set[int]:
    """Kill every process but `spare`, until none is left; return which there were.

    A fork bomb outruns one pass, so the passes go on until one finds nothing. What is reaped on
    the way is put into `ended`.
    """
    found: set[int] = set()
    deadline = time.monotonic() + seconds
    while True:
        left = [pid for pid in pids() if pid not in spare and _alive(pid)]
        if not left:
            break
        found.update(left)
        for pid in left:
            send_signal(pid, signal.SIGKILL)
        ended.update(reap())
        if time.monotonic() > deadline:
            break
        time.sleep(0.001)
    ended.update(reap())
    return found


def zombies() -> list[int]:
    """Ended processes that another than we has to wait for."""
    return [pid for pid in pids() if not _alive(pid)]


def stopped(pid: int) -> bool:
    return _state(pid) in b"Tt"


def _alive(pid: int) -> bool:
    return _state(pid) not in b"ZX"


def _state(pid: int) -> bytes:
    """Return the letter of proc_pid_stat(5), X if there is no such process."""
    try:
        with open(f"/proc/{pid}/stat", "rb", buffering=0) as file:
            stat = file.read(1024)
    except OSError:
        return b"X"
    # The name before the state may hold anything, but not a later parenthesis.
    return stat[stat.rindex(b")") + 2 : stat.rindex(b")") + 3]


def memory(without: AbstractSet[int]) -> int:
    """Resident bytes of all processes but ours and `without`. Shared pages count each time."""
    total = 0
    for pid in pids():
        if pid not in without:
            total += resident(pid)
    return total


def resident(pid: int) -> int:
    try:
        with open(f"/proc/{pid}/statm", "rb", buffering=0) as file:
            return int(file.read(200).split()[1]) * PAGE
    except (OSError, IndexError, ValueError):
        return 0


def peak(pid: int) -> int:
    """The most bytes that were ever resident in the process."""
    try:
        with open(f"/proc/{pid}/status", "rb", buffering=0) as file:
            for line in file.read(4096).splitlines():
                if line.startswith(b"VmHWM:"):
                    return int(line.split()[1]) * 1024
    except (OSError, IndexError, ValueError):
        pass
    return 0


def cpu_seconds(pid: int) -> float:
    """CPU time of a process and of its children that it has waited for."""
    own = 0.0
    try:
        # The clock of a process by its id: CPUCLOCK_SCHED of clock_getcpuclockid(3).
        own = time.clock_gettime(((~pid) << 3) | 2)
        with open(f"/proc/{pid}/stat", "rb", buffering=0) as file:
            stat = file.read(1024)
        fields = stat[stat.rindex(b")") + 2 :].split()
        return own + (int(fields[13]) + int(fields[14])) / TICK
    except (OSError, ValueError, IndexError):
        return own


def reaped_cpu_seconds() -> float:
    """CPU time of all that PID 1 has waited for."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime
