"""Sessions that have their place before anybody asks for one."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import anyio

if TYPE_CHECKING:
    from collections.abc import Callable

    from bellglass.sandboxes.sessions.session import Session

PAUSE_SECONDS = 0.5
"""Without a new session, before the next sandbox is made: those who wait for one come first."""

STALE_SECONDS = 3600.0
"""A sandbox that nobody wanted for so long is given up: an idle server holds nothing, and what was
installed or built meanwhile is used."""

LOOK_SECONDS = 30.0
"""Between two looks for sandboxes that have died, or are stale."""


class Pool:
    """A few warm sessions. They are filled up one at a time, from the first need on.

    `keep` must be running in a task of its own.
    """

    def __init__(
        self, size: int, make: Callable[[], Session], drop: Callable[[Session], None]
    ) -> None:
        """`make` starts a session that nobody owns yet, `drop` ends one."""
        self._size = size
        self._make = make
        self._drop = drop
        self._warm: list[Session] = []
        """The first is the oldest; the last may still be waiting for its sandbox."""
        self._needed = anyio.Event()

    def take(self) -> Session | None:
        """Return a warm session, and see to it that another comes in its place."""
        self._needed.set()
        self._sort_out()
        return self._warm.pop(0) if self._warm else None

    def _sort_out(self) -> None:
        """Drop what is dead or stale."""
        oldest = time.time() - STALE_SECONDS
        for session in list(self._warm):
            if session.failed or session.created_at < oldest:
                self._warm.remove(session)
                self._drop(session)

    async def keep(self) -> None:
        """Fill up after each need, when those who came are served."""
        while True:
            with anyio.move_on_after(LOOK_SECONDS):
                await self._needed.wait()
            self._sort_out()
            if self._needed.is_set():
                self._needed = anyio.Event()
                with anyio.move_on_after(PAUSE_SECONDS) as pause:
                    await self._needed.wait()
                if pause.cancelled_caught:
                    await self._fill()

    async def _fill(self) -> None:
        while len(self._warm) < self._size and not self._needed.is_set():
            session = self._make()
            self._warm.append(session)
            await session.prepare()
            if session.failed:
                # Whoever needs it next will hear why, and then it is tried again.
                self._sort_out()
                return
