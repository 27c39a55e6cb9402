"""Sessions that check code for all callers, separate from those that run it."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from bellglass.sandboxes.sessions.callers import Caller, FairTurns

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable

    from bellglass.sandboxes.sessions.session import Session

MAX_SESSIONS = 2  # so that one caller, who has one at a time, never has them all
MAX_WAITING_CHECKS = 64  # checks of one caller; each takes milliseconds, and at most ten seconds


class CheckSessions:
    """Provides sessions that belong to nobody, for operations that leave nothing behind.

    Code that ran in a caller's session could falsify a check there.
    """

    def __init__(
        self, make: Callable[[], Awaitable[Session]], end: Callable[[Session], None]
    ) -> None:
        """`make` starts a session, `end` destroys one."""
        self._make = make
        self._end = end
        self._free: list[tuple[str | None, Session]] = []
        """Each session, with the only owner it may serve if it costs money."""
        self._turns = FairTurns(MAX_SESSIONS, max_waiting=MAX_WAITING_CHECKS)

    @asynccontextmanager
    async def reserved(
        self, caller: Caller | None, owner: str | None = None
    ) -> AsyncGenerator[Session]:
        """Reserve a session for `caller` while the context is open.

        A session that costs money is reserved only for callers of one `owner`.

        Raises:
            SandboxUnavailable: No sandbox can run here.
            TooManyWaiting: The caller has as many waiting checks as one may have.
        """
        async with self._turns.turn(caller):
            session = self._taken(owner) or await self._make()
            try:
                yield session
            finally:
                self._free.append((owner if session.backend.is_paid else None, session))

    def _taken(self, owner: str | None) -> Session | None:
        for index, (whose, _) in enumerate(self._free):
            if whose in (None, owner):
                return self._free.pop(index)[1]
        return None

    def end_idle(self, is_idle: Callable[[Session], bool]) -> None:
        """End sessions that nobody has needed for long: their sandboxes may cost money."""
        for entry in [entry for entry in self._free if is_idle(entry[1])]:
            self._free.remove(entry)
            self._end(entry[1])
