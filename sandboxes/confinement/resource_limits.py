"""Resource limits of the processes of a sandbox. All are hard: nothing inside can raise them."""

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
"""gVisor refuses to set these. What they limit is in its own memory, not in the host's kernel
(pkg/sentry/syscalls/linux/sys_rlimit.go, setableLimits)."""

_ADDRESS_BYTES_PER_THREAD = 160 * MIB
"""Address space of one thread: 8 MiB of stack, and what malloc reserves for its arena (128 MiB:
twice glibc's HEAP_MAX_SIZE of 64 MiB, in order to align it)."""

_RESERVED_ADDRESS_BYTES = 64 * 1024 * MIB
"""Address space that V8 reserves and never fills (measured with vl_convert, which renders charts of
altair). It is granted where a control group counts the memory in use. Elsewhere a watcher counts
it, ten times a second, and what a process can allocate in between has to be limited."""

OOM_SCORE_ADJ = 990
"""When memory runs out, the kernel kills our processes before the host's. Workers set 1000 and are
killed first. They may return to this value if root set it; it is so near 1000 that it does not
protect them."""

_MAX_UNCOUNTED_OPEN_FILES = 256
"""Limit of open files per process where no control group counts the buffers of sockets."""


def table(limits: dict[str, int], *, count_processes: bool) -> dict[int, int]:
    """Return the values of all resource limits: those of the session, and fixed ones.

    `counted_by_group` in `limits`: a control group limits the memory of the whole session. If it is
    absent, the session has the machine to itself.
    """
    memory = limits["memory_bytes"]
    counted = {_RLIMIT_NPROC: limits["processes"]} if count_processes else {}
    open_files = limits["open_files"]
    if not limits.get("counted_by_group", 1):
        open_files = min(open_files, _MAX_UNCOUNTED_OPEN_FILES)
    addresses = 2 * memory + limits["processes"] * _ADDRESS_BYTES_PER_THREAD
    if limits.get("counted_by_group"):
        addresses += _RESERVED_ADDRESS_BYTES
    return {
        **counted,
        # Private writable memory of one process. RLIMIT_AS would also count what threads only
        # reserve: 1 GiB of it allowed 21 threads; 1 GiB of this allows 126.
        resource.RLIMIT_DATA: memory,
        # A backstop for what RLIMIT_DATA does not count, such as shared mappings.
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
    """Set the limits. If the server itself has a lower one, that is kept."""
    for name, wanted in table(limits, count_processes=count_processes).items():
        _, hard = resource.getrlimit(name)
        value = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        try:
            resource.setrlimit(name, (value, value))
        except ValueError:
            if name not in _UNKNOWN_TO_GVISOR:
                raise


def offer_to_oom_killer(process: int | str = "self") -> None:
    """Set the OOM score. If root sets it from outside, code inside cannot lower it (proc(5))."""
    libc.write_setting(f"/proc/{process}/oom_score_adj", str(OOM_SCORE_ADJ))
