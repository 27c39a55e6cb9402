"""The processes of the sandbox, seen from its PID 1: list, measure and end them."""

from __future__ import annotations

import itertools
import os
import resource
import signal
import time
from collections.abc import Callable, Iterable, Iterator
from collections.abc import Set as AbstractSet
from typing import NamedTuple

_UNTOLD = itertools.count(1)

_MAX_PATIENT_PASSES = 3
"""Passes after which the remaining processes start others faster than they are ended."""

PAGE = os.sysconf("SC_PAGE_SIZE")
MAX_PID = 1 << 22  # PID_MAX_LIMIT of include/linux/threads.h
TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


def pids() -> Iterator[int]:
    """Yield the pid of every process of the sandbox but ourselves."""
    me = os.getpid()
    for name in os.listdir("/proc"):
        if name.isdigit() and int(name) != me:
            yield int(name)


def last_pid() -> int:
    """Return the newest process or thread id of this PID namespace.

    It is the last field of /proc/loadavg: while it stays the same, nothing has been started. That
    is one small read instead of a walk through /proc after every call. Where the kernel gives no
    figure (gVisor reports 0), each answer is a new one, so that the walk is made.
    """
    return int(_read_kernel_file("/proc/loadavg", 100).split()[-1]) or -next(_UNTOLD)


class End(NamedTuple):
    """How a child ended, and the CPU time of it and of the children it had waited for."""

    status: int
    cpu_seconds: float


Ended = dict[int, End]

Lister = Callable[[], Iterable[int]]


def reap() -> Ended:
    """Collect every child that has ended, by pid."""
    ended: Ended = {}
    while True:
        try:
            pid, status, usage = os.wait4(-1, os.WNOHANG)
        except ChildProcessError:
            return ended
        if pid == 0:
            return ended
        ended[pid] = End(status, usage.ru_utime + usage.ru_stime)


def send_signal(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except OSError:
        pass


def offer_to_oom_killer(pid: int) -> None:
    """Have the kernel kill a process first when memory runs out, whatever score it has set."""
    try:
        fd = os.open(f"/proc/{pid}/oom_score_adj", os.O_WRONLY | os.O_CLOEXEC)
    except OSError:
        return
    try:
        os.write(fd, b"1000")  # OOM_SCORE_ADJ_MAX
    except OSError:
        pass  # it has ended
    finally:
        os.close(fd)


def interrupt(pid: int) -> None:
    """Send SIGINT to the whole group, as Ctrl-C does; a stopped process is continued for it."""
    for number in (signal.SIGINT, signal.SIGCONT):
        try:
            os.killpg(pid, number)
        except OSError:
            send_signal(pid, number)


def sweep(is_kept: Callable[[int], bool], ended: Ended, seconds: float = 2.0) -> set[int]:
    """Kill every process that is not `is_kept`, until none is left; return their pids.

    A fork bomb outruns passes through the list: then everything is stopped until the rest has been
    killed. Children that are reaped on the way are added to `ended`.
    """
    found: set[int] = set()
    frozen: set[int] | None = None
    deadline = time.monotonic() + seconds
    for passes in itertools.count(1):
        left = [pid for pid in pids() if not is_kept(pid) and alive(pid)]
        if not left:
            break
        found.update(left)
        for pid in left:
            send_signal(pid, signal.SIGKILL)
        ended.update(reap())
        if time.monotonic() > deadline:
            break
        if frozen is None and passes >= _MAX_PATIENT_PASSES:
            frozen = _freeze()
        time.sleep(0.001)
    for pid in frozen or ():
        send_signal(pid, signal.SIGCONT)
    ended.update(reap())
    return found


def _freeze() -> set[int]:
    """Stop every process at once; return the pids of those that ran before."""
    if os.getpid() != 1:
        return set()  # the machine has processes that are not ours, as on E2B
    running = {pid for pid in pids() if not stopped(pid)}
    send_signal(-1, signal.SIGSTOP)  # kill(2) with -1 reaches all of the namespace but ourselves
    return running


def zombies() -> list[int]:
    """Return the ended processes that another process has to wait for."""
    return [pid for pid in pids() if not alive(pid)]


def stopped(pid: int) -> bool:
    fields = _stat(pid)
    return fields is not None and fields[0] in (b"T", b"t")


def runnable(pid: int) -> bool:
    """Tell if a process runs, or is ready to run."""
    fields = _stat(pid)
    return fields is not None and fields[0] == b"R"


def alive(pid: int) -> bool:
    """Tell if a process exists and is no zombie."""
    fields = _stat(pid)
    return fields is not None and fields[0] not in (b"Z", b"X")


def parent(pid: int) -> int | None:
    """Return the parent of a process, None if it is gone."""
    fields = _stat(pid)
    return None if fields is None else int(fields[1])


def start_time(pid: int) -> int | None:
    """Return when a process was started, which distinguishes it from a later one of its pid."""
    fields = _stat(pid)
    return None if fields is None else int(fields[19])


def _stat(pid: int) -> list[bytes] | None:
    """Return the fields of proc_pid_stat(5) from the third, the state, on."""
    try:
        stat = _read_kernel_file(f"/proc/{pid}/stat", 1024)
    except OSError:
        return None
    # The name before the state may contain anything; nothing after it contains a parenthesis.
    return stat[stat.rindex(b")") + 2 :].split()


def _read_kernel_file(path: str, most: int) -> bytes:
    """Read a file of the kernel. Five are read in each call: open() would be too slow."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.read(fd, most)
    finally:
        os.close(fd)


def memory(without: AbstractSet[int]) -> int:
    """Return the resident bytes of all other processes, except `without`, not deduplicated."""
    total = 0
    for pid in pids():
        if pid not in without:
            total += resident(pid)
    return total


def resident(pid: int) -> int:
    try:
        return int(_read_kernel_file(f"/proc/{pid}/statm", 200).split()[1]) * PAGE
    except (OSError, IndexError, ValueError):
        return 0


def peak(pid: int) -> int:
    """Return the most bytes that were ever resident in the process."""
    try:
        for line in _read_kernel_file(f"/proc/{pid}/status", 4096).splitlines():
            if line.startswith(b"VmHWM:"):
                return int(line.split()[1]) * 1024
    except (OSError, IndexError, ValueError):
        pass
    return 0


def forget_peak(pid: int) -> None:
    """Reset the kernel's figure for `peak`."""
    try:
        fd = os.open(f"/proc/{pid}/clear_refs", os.O_WRONLY | os.O_CLOEXEC)
    except OSError:
        return
    try:
        os.write(fd, b"5")  # proc_pid_clear_refs(5)
    except OSError:
        pass
    finally:
        os.close(fd)


class Spent(NamedTuple):
    """CPU seconds of a process, and of the children that it has waited for."""

    own: float
    waited_for: float
    started: int
    """As `start_time`: it distinguishes the process from a later one of its pid."""


def spent(pid: int) -> Spent | None:
    """Return what a process has used so far, None if it does not exist."""
    fields = _stat(pid)
    if fields is None:
        return None
    ticks = [int(field) for field in fields[11:15]]
    own = cpu_clock(pid)
    if own is None:
        own = sum(ticks[:2]) / TICKS_PER_SECOND
    return Spent(own, sum(ticks[2:]) / TICKS_PER_SECOND, int(fields[19]))


def cpu_clock(pid: int) -> float | None:
    """Return the CPU time of a process itself; None if there is no such clock, as in gVisor."""
    try:
        return time.clock_gettime(((~pid) << 3) | 2)  # CPUCLOCK_SCHED of clock_getcpuclockid(3)
    except OSError:
        return None


def cpu_seconds(pid: int) -> float:
    """Return the CPU time of a process and of the children that it has waited for."""
    used = spent(pid)
    return 0.0 if used is None else used.own + used.waited_for


def reaped_cpu_seconds() -> float:
    """Return the CPU time of all processes that PID 1 has waited for."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime
