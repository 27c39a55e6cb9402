"""A pool of sessions whose sandboxes are ready before a client asks for one."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import anyio

if TYPE_CHECKING:
    from collections.abc import Callable

    from bellglass.sandboxes.sessions.session import Session

MIN_QUIET_SECONDS = 0.5
"""Seconds without a new session before the next sandbox is made: waiting clients come first."""

MAX_WARM_SECONDS = 3600.0
"""A sandbox that nobody used for this long is destroyed: an idle server holds nothing, and new
sandboxes have what was installed or built meanwhile."""

LOOK_INTERVAL_SECONDS = 30.0
"""Seconds between two searches for sandboxes that have died or are stale."""


class Pool:
    """A few warm sessions, made one at a time from the first call on.

    `keep` must be running in a task of its own.
    """

    def __init__(
        self, size: int, make: Callable[[], Session], drop: Callable[[Session], None]
    ) -> None:
        """`make` starts a session without an owner, `drop` ends one."""
        self._size = size
        self._make = make
        self._drop = drop
        self._warm: list[Session] = []
        """Oldest first; the last one may still be waiting for its sandbox."""
        self._needed = anyio.Event()

    def take(self) -> Session | None:
        """Return a warm session, if there is one, and have another made in its place."""
        self._needed.set()
        self._sort_out()
        return self._warm.pop(0) if self._warm else None

    def _sort_out(self) -> None:
        """Drop sessions that are dead or stale."""
        oldest = time.time() - MAX_WARM_SECONDS
        for session in list(self._warm):
            if session.failed or session.created_at < oldest:
                self._warm.remove(session)
                self._drop(session)

    async def keep(self) -> None:
        """Fill the pool after each use, when waiting clients have been served."""
        while True:
            with anyio.move_on_after(LOOK_INTERVAL_SECONDS):
                await self._needed.wait()
            self._sort_out()
            if self._needed.is_set():
                self._needed = anyio.Event()
                with anyio.move_on_after(MIN_QUIET_SECONDS) as pause:
                    await self._needed.wait()
                if pause.cancelled_caught:
                    await self._fill()

    async def _fill(self) -> None:
        while len(self._warm) < self._size and not self._needed.is_set():
            session = self._make()
            self._warm.append(session)
            await session.prepare()
            if session.failed:
                # The next call reports the reason, and then making one is tried again.
                self._sort_out()
                return
