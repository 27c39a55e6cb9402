"""What a session may hold of the kernel's memory that no limit of the kernel counts.

Above the bounds here all processes of the session are ended. File locks are counted by nothing at
all; the buffers of sockets and shared memory that nobody has resident, only by a control group.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

from bellglass.sandboxes.supervisor import processes
from bellglass.sandboxes.supervisor.accounting import LOOK_INTERVAL_SECONDS

if TYPE_CHECKING:
    from bellglass.sandboxes.wire.schema import Status

LOCK_LOOK_INTERVAL_SECONDS = 1.0
"""Running time between two looks at the locks: some 200,000 of 192 bytes can be taken in it. Each
look waits for all processors, 10 to 20 ms, so not in every tick."""

MAX_LOCK_LIST_BYTES = 256 * 1024
"""Of the kernel's list of locks: 4,000 to 6,000 of them."""

MAX_LOCKS = 4000

MAX_SOCKETS = 4096
"""The machine has one bound for connections that were closed before all was sent (tcp_max_orphans),
4,096 on a small one. Above it those of all its programs are broken off."""

MAX_UNCOUNTED_SOCKETS = 512
"""Each holds up to 256 KiB in its buffers, as long as code cannot enlarge them (see the filter)."""

MIN_MAPPING_BYTES = 64 * 1024**2
"""What a shared mapping counts for at least: it may have been larger before we looked."""

_SHARED_ANONYMOUS = b"/dev/zero (deleted)"  # as mm/shmem.c, shmem_zero_setup, names it
_READ_BYTES = 4096  # the kernel gives no more of such a file at once

Verdict = tuple["Status", str]
"""As in a result: a status, and what there was too much of."""


class KernelMemory:
    """Looks at what the session holds, as often as it can have grown."""

    def __init__(self, limits: dict[str, int], locks: int | None = None) -> None:
        """`locks` is a descriptor of /proc/locks, for a sandbox that does not show it.

        `counted_by_group` in `limits`: a control group counts the rest; without a word of it, the
        machine is the session's own (E2B).
        """
        self._locks = _open_locks() if locks is None else locks
        self._counted = bool(limits.get("counted_by_group", 1))
        self._memory_bytes = limits["memory_bytes"]
        self._unseen_seconds = self._unseen_lock_seconds = 0.0
        """Running time since the last look, and since the last one at the locks."""
        self._extents: dict[bytes, int] = {}

    def exceeded(self, ran_seconds: float) -> Verdict | None:
        """Return what there is too much of, if anything, after code ran for so long."""
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
            # The kernel finds the position in one pass: a long list is only found to be one.
            if not os.pread(self._locks, 1, MAX_LOCK_LIST_BYTES):
                return False
            return self._count_locks() > MAX_LOCKS
        except OSError:
            return False

    def _count_locks(self) -> int:
        """Count those of this session: of locks on open files the list has everybody's."""
        count = at = 0
        while count <= MAX_LOCKS and at < 8 * MAX_LOCK_LIST_BYTES:
            part = os.pread(self._locks or 0, _READ_BYTES, at)
            if not part:
                break
            at += len(part)
            count += part.count(b"\n") - part.count(b"OFDLCK")
        return count

    def _shared_bytes(self) -> int:
        """Return what shared anonymous mappings are large, or have been while somebody has them."""
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
        return None  # gVisor has none, and keeps locks in its own memory


def _sockets() -> int:
    """Return the sockets of the network namespace, those that only a buffer refers to included."""
    try:
        with open("/proc/net/sockstat", "rb", buffering=0) as file:
            return int(file.read(_READ_BYTES).split()[2])  # sockets: used N
    except (OSError, IndexError, ValueError):
        return 0


def _not_private(pid: int) -> int:
    """Return the bytes of address space that are no private data: what shared mappings are in."""
    try:
        with open(f"/proc/{pid}/statm", "rb", buffering=0) as file:  # proc_pid_statm(5)
            fields = file.read(200).split()
        return (int(fields[0]) - int(fields[5])) * processes.PAGE
    except (OSError, IndexError, ValueError):
        return 0


def _shared_mappings(pid: int) -> Iterator[tuple[bytes, int]]:
    """Yield the inode and the extent of each shared anonymous mapping of a process.

    Of one that has closed itself to inspection, everything may be such mappings.
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
