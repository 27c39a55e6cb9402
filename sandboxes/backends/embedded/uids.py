"""A uid of this machine for each place, where root runs the server.

The kernel counts by user what no namespace and no control group divides: watches of epoll,
descriptors that are on their way, pipes. With a uid of its own, a place uses up only its own.

Servers of one machine share the range: a uid is taken by locking its file, for as long as it is
used or ready for use. Nobody has a uid while a process still has it, whoever started that.
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
"""Of what https://systemd.io/UIDS-GIDS lists as unused. First a half of what is free between
greeters and dynamic services: its other half is for containers (see docker.options), which are
counted elsewhere, so that the two cannot meet. Where many sandboxes run, what lies between 16 bits
and the first id that Debian gives away for containers of users."""

DIRECTORY = Path("/run/bellglass/uids")

_BATCH = 8
"""So many are made ready with one look at all processes, which takes milliseconds."""


class Uids:
    """Takes uids, and takes them again when nothing is left of who had them."""

    def __init__(self, uids: Sequence[int] = UIDS, directory: Path = DIRECTORY) -> None:
        self._uids = uids
        self._directory = directory
        self._locks: dict[int, int] = {}
        # Without a last word from who made it, too, as where a test ends early.
        self._closing = weakref.finalize(self, _close, self._locks)
        self._ready: list[int] = []
        self._returned: list[int] = []
        self._looking = anyio.Lock()

    def open(self) -> bool:
        """Make the directory of locks; tell if that is possible here."""
        try:
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError:
            return False
        return os.access(self._directory, os.W_OK)

    @asynccontextmanager
    async def taken(self) -> AsyncGenerator[int]:
        """Yield a uid that no process has.

        Raises:
            LaunchFailed: All are in use.
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
            # Not ready: it is looked at first whether its processes have ended.
            self._returned.append(uid)
            if len(self._returned) > _BATCH:  # other servers of this machine may need it
                os.close(self._locks.pop(self._returned.pop(0)))

    def _make_ready(self) -> None:
        found, self._returned = self._returned, []
        more = max(0, _BATCH - len(found))
        while not self._ready:
            candidates = filter(self._lock, filter(_exists_here, self._uids))
            found += itertools.islice(candidates, more)
            if not found:
                return
            used = in_use(found)
            self._ready = [uid for uid in found if uid not in used]
            self._returned += used
            found, more = [], _BATCH  # those may all be of places that are yet ending

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

    def close(self) -> None:
        """Let go of all of them. A process that yet has one keeps it from being taken."""
        _close(self._locks)
        self._ready, self._returned = [], []


def _close(locks: dict[int, int]) -> None:
    while locks:
        os.close(locks.popitem()[1])


@cache
def _mapped() -> list[range]:
    """Return the uids that there are in our user namespace: in a container few may be mapped."""
    lines = Path("/proc/self/uid_map").read_text().splitlines()
    firsts = [tuple(map(int, line.split())) for line in lines]
    return [range(inside, inside + count) for inside, _, count in firsts]


def _exists_here(uid: int) -> bool:
    return any(uid in mapped for mapped in _mapped())


def in_use(uids: Iterable[int]) -> set[int]:
    """Return those that a process of this machine has, in any of its four ids."""
    wanted = {b"%d" % uid for uid in uids}
    found: set[bytes] = set()
    for name in os.listdir("/proc"):
        if name.isdigit():
            with suppress(OSError), open(f"/proc/{name}/status", "rb") as file:
                line = next(line for line in file if line.startswith(b"Uid:"))
                found |= wanted.intersection(line.split()[1:])
    return {int(uid) for uid in found}
