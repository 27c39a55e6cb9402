"""The sessions that check code for all callers, apart from those that run it."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from bellglass.sandboxes.callers import Caller, FairTurns

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable

    from bellglass.sandboxes.session import Session

MAX_SESSIONS = 2  # so that one caller, who has one at a time, never has them all
MAX_WAITING = 64  # checks of one caller; each takes milliseconds, and at most ten seconds


class CheckSessions:
    """Lends sessions of nobody's, for operations that leave nothing behind.

    What ran in the session of a caller could lie about a check.
    """

    def __init__(
        self, make: Callable[[], Awaitable[Session]], end: Callable[[Session], None]
    ) -> None:
        """`make` starts a session, `end` destroys one."""
        self._make = make
        self._end = end
        self._free: list[Session] = []
        self._turns = FairTurns(MAX_SESSIONS, max_waiting=MAX_WAITING)

    @asynccontextmanager
    async def lent(self, caller: Caller | None) -> AsyncGenerator[Session]:
        """Lend a session to `caller` for as long as the context is open.

        Raises:
            SandboxUnavailable: No sandbox can run here.
            TooManyWaiting: As many checks of the caller wait as may.
        """
        async with self._turns.turn(caller):
            session = self._free.pop() if self._free else await self._make()
            try:
                yield session
            finally:
                self._free.append(session)

    def end_idle(self, is_idle: Callable[[Session], bool]) -> None:
        """End those that nobody has needed for long: their sandboxes may cost money."""
        for session in [session for session in self._free if is_idle(session)]:
            self._free.remove(session)
            self._end(session)
