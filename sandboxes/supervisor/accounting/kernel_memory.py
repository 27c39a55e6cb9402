"""Bounds for kernel memory of a session that no limit of the kernel counts.

When one is exceeded, all processes of the session are ended. Nothing counts file locks; only a
control group counts the buffers of sockets, and shared memory that no process has resident.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

from bellglass.sandboxes.supervisor import processes
from bellglass.sandboxes.supervisor.accounting import LOOK_INTERVAL_SECONDS

if TYPE_CHECKING:
    from bellglass.sandboxes.wire.schema.basics import Status

LOCK_LOOK_INTERVAL_SECONDS = 1.0
"""Running time between two counts of locks: about 200,000 of 192 bytes can be taken in it. Each
count stops all processors for 10 to 20 ms, so it is not made at every look."""

MAX_LOCK_LIST_BYTES = 256 * 1024
"""Size of the kernel's list that is read for them: 4,000 to 6,000 locks."""

MAX_LOCKS = 4000

MAX_SOCKETS = 4096
"""The machine has one bound for connections closed before all data was sent (tcp_max_orphans):
4,096 on a small one. Above it, the kernel drops those of every program."""

MAX_UNCOUNTED_SOCKETS = 512
"""Where no control group counts them. The buffers of each hold up to 256 KiB: the filter denies
larger ones."""

MIN_MAPPING_BYTES = 64 * 1024**2
"""The least that a shared mapping counts for: it may have been larger before we measured."""

_SHARED_ANONYMOUS = b"/dev/zero (deleted)"  # the name that shmem_zero_setup of mm/shmem.c gives
_READ_BYTES = 4096  # the kernel gives no more of such a file at once

Verdict = tuple["Status", str]
"""A status, as in a result, and the resource that was exceeded."""


class KernelMemory:
    """Measures what the session holds, as often as it can have grown."""

    def __init__(self, limits: dict[str, int], locks: int | None = None) -> None:
        """`locks` is a descriptor of /proc/locks, for a sandbox that does not show the file.

        `limits["counted_by_group"]`: whether a control group counts the rest. Without that key the
        machine belongs to the session alone (E2B).
        """
        self._locks = _open_locks() if locks is None else locks
        self._counted = bool(limits.get("counted_by_group", 1))
        self._memory_bytes = limits["memory_bytes"]
        self._unseen_seconds = self._unseen_lock_seconds = 0.0
        """Running time since the last measurement, and since the last count of locks."""
        self._extents: dict[bytes, int] = {}

    def exceeded(self, ran_seconds: float) -> Verdict | None:
        """Return the resource that is exceeded, if any, after code ran for this long."""
        self._unseen_seconds += ran_seconds
        self._unseen_lock_seconds += ran_seconds
        if self._unseen_lock_seconds >= LOCK_LOOK_INTERVAL_SECONDS:
            self._unseen_lock_seconds = 0.0
            if self._too_many_locks():
                return "killed", f"more than {MAX_LOCKS:,} file locks"
        if self._unseen_seconds < LOOK_INTERVAL_SECONDS:
            return None
        self._unseen_seconds = 0.0
        for pid in processes.pids():
            processes.offer_to_oom_killer(pid)
        most = MAX_SOCKETS if self._counted else MAX_UNCOUNTED_SOCKETS
        if _sockets() > most:
            return "killed", f"more than {most:,} sockets"
        if not self._counted and self._shared_bytes() > self._memory_bytes:
            return "oom", f"more than {self._memory_bytes >> 20} MiB of shared memory"
        return None

    def _too_many_locks(self) -> bool:
        if self._locks is None:
            return False
        try:
            # The kernel finds the position in one pass, so a list that is too long costs little.
            if not os.pread(self._locks, 1, MAX_LOCK_LIST_BYTES):
                return False
            return self._count_locks() > MAX_LOCKS
        except OSError:
            return False

    def _count_locks(self) -> int:
        """Count this session's locks; for locks on open files the list has those of everybody."""
        count = at = 0
        while count <= MAX_LOCKS and at < 8 * MAX_LOCK_LIST_BYTES:
            part = os.pread(self._locks or 0, _READ_BYTES, at)
            if not part:
                break
            at += len(part)
            count += part.count(b"\n") - part.count(b"OFDLCK")
        return count

    def _shared_bytes(self) -> int:
        """Return the size of shared anonymous mappings, including the largest size seen."""
        pids = list(processes.pids())
        if sum(map(_not_private, pids)) <= self._memory_bytes:
            return 0
        found: dict[bytes, int] = {}
        for pid in pids:
            for inode, extent in _shared_mappings(pid):
                least = max(MIN_MAPPING_BYTES, self._extents.get(inode, 0))
                found[inode] = max(extent, least, found.get(inode, 0))
        self._extents = found
        return sum(found.values())


def _open_locks() -> int | None:
    try:
        return os.open("/proc/locks", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None  # gVisor has no such file, and keeps locks in its own memory


def _sockets() -> int:
    """Return the sockets of the network namespace, including those that only a buffer holds."""
    try:
        with open("/proc/net/sockstat", "rb", buffering=0) as file:
            return int(file.read(_READ_BYTES).split()[2])  # sockets: used N
    except (OSError, IndexError, ValueError):
        return 0


def _not_private(pid: int) -> int:
    """Return the bytes of address space that are not private data: shared mappings lie there."""
    try:
        with open(f"/proc/{pid}/statm", "rb", buffering=0) as file:  # proc_pid_statm(5)
            fields = file.read(200).split()
        return (int(fields[0]) - int(fields[5])) * processes.PAGE
    except (OSError, IndexError, ValueError):
        return 0


def _shared_mappings(pid: int) -> Iterator[tuple[bytes, int]]:
    """Yield the inode and the extent of each shared anonymous mapping of a process.

    If the process is not dumpable, its whole address space counts as such mappings.
    """
    try:
        with open(f"/proc/{pid}/maps", "rb") as file:  # proc_pid_maps(5)
            for line in file:
                if line.rstrip().endswith(_SHARED_ANONYMOUS):
                    addresses, _, offset, _, inode = line.split()[:5]
                    start, _, end = addresses.partition(b"-")
                    yield inode, int(offset, 16) + int(end, 16) - int(start, 16)
    except PermissionError:
        yield b"of %d" % pid, _not_private(pid)
    except (OSError, ValueError):
        pass
