"""Uids of this machine for sandboxes, one each, if root runs the server.

The kernel counts some resources by uid that no namespace and no control group limits: watches of
epoll, descriptors in transit, pipes. A sandbox with its own uid uses up only its own share.

Servers of one machine share the range: a uid is reserved by locking its file, for as long as it is
used or ready for use. A uid is not used while any process of the machine has it.
"""

from __future__ import annotations

import errno
import fcntl
import itertools
import os
import weakref
from contextlib import asynccontextmanager, suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import anyio

from bellglass.sandboxes.backends.embedded.failure import LaunchFailed
from bellglass.sandboxes.backends.embedded.inside.namespaces import UNUSED_ID

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterable, Sequence

UIDS = (*range(60_706, UNUSED_ID), *range(65_536, 100_000))
"""Uids that https://systemd.io/UIDS-GIDS lists as unused. The first are half of the free range
between greeters and dynamic services; the other half is for containers (see docker.options), which
are reserved in another way, so the two must not overlap. For machines with many sandboxes, the
range from 2**16 to the first id that Debian assigns to containers of users follows."""

DIRECTORY = Path("/run/bellglass/uids")

_UIDS_PER_LOOK = 8
"""Uids that are checked at a time, because reading all processes takes milliseconds."""


class Uids:
    """Reserves uids, and reuses them when no process has them any more."""

    def __init__(self, uids: Sequence[int] = UIDS, directory: Path = DIRECTORY) -> None:
        self._uids = uids
        self._directory = directory
        self._locks: dict[int, int] = {}
        # Closes the locks even if nobody calls `close`, such as when a test ends early.
        self._closing = weakref.finalize(self, _close, self._locks)
        self._ready: list[int] = []
        self._returned: list[int] = []
        self._looking = anyio.Lock()

    def open(self) -> bool:
        """Make the directory of locks; return whether that is possible here."""
        try:
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError:
            return False
        return os.access(self._directory, os.W_OK)

    @asynccontextmanager
    async def taken(self) -> AsyncGenerator[int]:
        """Yield a uid that no process has.

        Raises:
            LaunchFailed: All uids are in use.
        """
        async with self._looking:
            if not self._ready:
                try:
                    await anyio.to_thread.run_sync(self._make_ready)
                except OSError as exc:
                    raise LaunchFailed("take a uid", exc.errno or 0, str(exc)) from exc
            if not self._ready:
                text = f"all {len(self._uids):,} are in use, by sandboxes of this machine"
                raise LaunchFailed("take a uid", errno.EUSERS, text)
            uid = self._ready.pop()
        try:
            yield uid
        finally:
            # Not ready for use: first it has to be checked that its processes have ended.
            self._returned.append(uid)
            if len(self._returned) > _UIDS_PER_LOOK:  # leave some for other servers of this machine
                os.close(self._locks.pop(self._returned.pop(0)))

    def _make_ready(self) -> None:
        found, self._returned = self._returned, []
        more = max(0, _UIDS_PER_LOOK - len(found))
        while not self._ready:
            candidates = filter(self._lock, filter(_exists_here, self._uids))
            found += itertools.islice(candidates, more)
            if not found:
                return
            used = in_use(found)
            self._ready = [uid for uid in found if uid not in used]
            self._returned += used
            found, more = (
                [],
                _UIDS_PER_LOOK,
            )  # all of them may belong to sandboxes that are still ending

    def _lock(self, uid: int) -> bool:
        if uid in self._locks:
            return False
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(self._directory / str(uid), flags, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return False
        self._locks[uid] = descriptor
        return True

    def lock_of(self, uid: int) -> int:
        """Return the descriptor that reserves a uid as long as anybody has it open."""
        return self._locks[uid]

    def close(self) -> None:
        """Release all uids. A process that still has one prevents its reuse."""
        _close(self._locks)
        self._ready, self._returned = [], []


def _close(locks: dict[int, int]) -> None:
    while locks:
        os.close(locks.popitem()[1])


@cache
def _mapped() -> list[range]:
    """Return the uids that exist in our user namespace; in a container few may be mapped."""
    lines = Path("/proc/self/uid_map").read_text().splitlines()
    firsts = [tuple(map(int, line.split())) for line in lines]
    return [range(inside, inside + count) for inside, _, count in firsts]


def _exists_here(uid: int) -> bool:
    return any(uid in mapped for mapped in _mapped())


def in_use(uids: Iterable[int]) -> set[int]:
    """Return those that a process of this machine has as any of its four uids."""
    wanted = {b"%d" % uid for uid in uids}
    found: set[bytes] = set()
    for name in os.listdir("/proc"):
        if name.isdigit():
            with suppress(OSError), open(f"/proc/{name}/status", "rb") as file:
                line = next(line for line in file if line.startswith(b"Uid:"))
                found |= wanted.intersection(line.split()[1:])
    return {int(uid) for uid in found}
