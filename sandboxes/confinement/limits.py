"""Resource limits of the processes of a place. All are hard: nothing inside can raise them."""

from __future__ import annotations

import resource

from bellglass.sandboxes.confinement import libc

MIB = 1024**2

# asm-generic/resource.h; the resource module has no names for these.
_RLIMIT_NPROC = 6
_RLIMIT_SIGPENDING = 11
_RLIMIT_MSGQUEUE = 12
_RLIMIT_NICE = 13
_RLIMIT_RTPRIO = 14

_UNKNOWN_TO_GVISOR = {_RLIMIT_SIGPENDING, _RLIMIT_MSGQUEUE, _RLIMIT_NICE, _RLIMIT_RTPRIO}
"""It refuses to set them, and what they bound is in its own memory, not in the host's kernel
(pkg/sentry/syscalls/linux/sys_rlimit.go, setableLimits)."""

_THREAD_ADDRESS_SPACE = 160 * MIB
"""Of one thread: 8 MiB of stack, and what malloc reserves for its arena (128 MiB, see
glibc's HEAP_MAX_SIZE; a first try to align takes twice 64 MiB)."""

_SET_ASIDE = 64 * 1024 * MIB
"""Addresses that V8 reserves and never fills (measured of vl_convert, which draws altair's charts).
Granted where a control group counts what is touched; elsewhere a watcher does, ten times a second,
and what a process can touch in between has to be bounded."""

OOM_SCORE = 990
"""Our own processes go before the host's when memory ends; workers set 1000 and go first. They may
go back to this value, if root set it first: so near that it saves them nothing."""

_UNCOUNTED_OPEN_FILES = 256
"""Descriptors of a process where nothing counts the buffers of sockets."""


def table(limits: dict[str, int], *, count_processes: bool) -> dict[int, int]:
    """Return what is set: the limits of the session, and what no program here needs.

    `counted_by_group` in `limits`: a control group bounds the memory of the whole session; without
    a word of it, the machine is the session's own.
    """
    memory = limits["memory_bytes"]
    counted = {_RLIMIT_NPROC: limits["processes"]} if count_processes else {}
    open_files = limits["open_files"]
    if not limits.get("counted_by_group", 1):
        open_files = min(open_files, _UNCOUNTED_OPEN_FILES)
    addresses = 2 * memory + limits["processes"] * _THREAD_ADDRESS_SPACE
    if limits.get("counted_by_group"):
        addresses += _SET_ASIDE
    return {
        **counted,
        # Private writable memory of one process. Not RLIMIT_AS, which counts what threads only
        # reserve: with 1 GiB of it, 21 threads were the end; with this, 126.
        resource.RLIMIT_DATA: memory,
        # A backstop for what RLIMIT_DATA does not see, such as shared mappings.
        resource.RLIMIT_AS: addresses,
        resource.RLIMIT_FSIZE: limits["file_bytes"],
        resource.RLIMIT_NOFILE: open_files,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_MEMLOCK: 64 * 1024,
        _RLIMIT_SIGPENDING: 1024,
        _RLIMIT_MSGQUEUE: 0,
        _RLIMIT_NICE: 0,
        _RLIMIT_RTPRIO: 0,
    }


def apply(limits: dict[str, int], *, count_processes: bool) -> None:
    """Set the limits. Where the server has a lower one, that one stays."""
    for name, wanted in table(limits, count_processes=count_processes).items():
        _, hard = resource.getrlimit(name)
        value = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        try:
            resource.setrlimit(name, (value, value))
        except ValueError:
            if name not in _UNKNOWN_TO_GVISOR:
                raise


def offer_to_oom_killer(process: int | str = "self") -> None:
    """Set our score. Done by root from outside, code inside cannot set a lower one (proc(5))."""
    libc.write_setting(f"/proc/{process}/oom_score_adj", str(OOM_SCORE))
