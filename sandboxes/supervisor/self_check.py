"""Self-check of a sandbox from inside: the server refuses one that is not as promised."""

from __future__ import annotations

import ctypes
import os
import sys
from typing import TYPE_CHECKING

from bellglass.sandboxes.common.lent_copies import LAYERS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bellglass.sandboxes.wire.schema.frames import Ready

_LIBC = ctypes.CDLL(None, use_errno=True)
_PR_GET_DUMPABLE = 3  # include/uapi/linux/prctl.h
_PR_GET_NO_NEW_PRIVS = 39

_IN_MEMORY = ("tmpfs", "devtmpfs", "proc", "sysfs", "devpts", "mqueue", "cgroup", "cgroup2")
"""File systems that store nothing on a disk."""

# Version 2 of control groups, and version 1, as a container sees its own.
_MEMORY_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")
_PROCESS_LIMITS = ("/sys/fs/cgroup/pids.max", "/sys/fs/cgroup/pids/pids.max")

_LINES_OF_LINUX = {"NoNewPrivs", "SigQ", "Umask", "nonvoluntary_ctxt_switches"}
"""Lines of proc_pid_status(5) that a kernel which only resembles Linux lacks some of."""

MAX_ENTRIES = 100
"""Bound on reported mounts and interfaces: one more than expected is already one too many."""


def ready() -> Ready:
    """Return the first frame of the supervisor."""
    status: dict[str, str] = {}
    with open("/proc/self/status") as file:
        for line in file:
            name, _, value = line.partition(":")
            status[name] = value.strip()
    # if_nameindex() would ask over netlink, which the filter refuses to all of us.
    with open("/proc/net/dev") as file:
        interfaces = [line.split(":")[0].strip() for line in file if ":" in line]
    return {
        "type": "ready",
        "ticks": True,
        "python": sys.version.split()[0],
        "uid": os.getuid(),
        "capabilities": int(status["CapEff"], 16),
        # by prctl, because gVisor's /proc does not show it
        "no_new_privs": _LIBC.prctl(_PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1,
        "seccomp": int(status.get("Seccomp", "0")),
        "interfaces": interfaces[:MAX_ENTRIES],
        "closed_supervisor": _is_closed(status),
        "writable_disks": _writable_disks()[:MAX_ENTRIES],
        "memory_bytes": _first_number(_MEMORY_LIMITS),
        "processes": _first_number(_PROCESS_LIMITS),
    }


def _is_closed(status: Mapping[str, str]) -> bool:
    """Tell if no other process can open our entries in /proc, because we are not dumpable."""
    if status.keys() >= _LINES_OF_LINUX:
        return bool(_LIBC.prctl(_PR_GET_DUMPABLE, 0, 0, 0, 0) == 0)
    # gVisor says the same, and opens them all the same. A trial takes 1 ms.
    pid = os.fork()
    if pid == 0:
        opened = 1
        try:
            os.open(f"/proc/{os.getppid()}/environ", os.O_RDONLY)
        except OSError:
            opened = 0
        finally:
            os._exit(opened)
    return os.waitpid(pid, 0)[1] == 0


def _writable_disks() -> list[str]:
    """Return the mount points of persistent file systems that can be written to."""
    found = []
    with open("/proc/self/mountinfo") as file:
        for line in file:
            # proc(5): ... root, mount point, options ... " - " type, source, its own options
            left, _, right = line.partition(" - ")
            point, options = left.split()[4:6]
            kind, _, super_options = right.split()[:3]
            if kind == "overlay" and f",upperdir={LAYERS}/" in super_options:
                continue  # what is written to a copy of a lent folder is in memory
            writable = "rw" in options.split(",") and "rw" in super_options.split(",")
            if writable and kind not in _IN_MEMORY:
                found.append(point)
    return found


def _first_number(paths: tuple[str, ...]) -> int | None:
    for path in paths:
        try:
            with open(path) as file:
                return int(file.read())
        except (OSError, ValueError):  # the file does not exist, or says "max"
            pass
    return None
