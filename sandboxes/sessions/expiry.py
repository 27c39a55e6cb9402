"""The end of sessions that are idle or too old."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio

from bellglass.sandboxes.sessions.ended_sessions import idle, too_old

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from anyio.abc import TaskGroup

    from bellglass.sandboxes.sessions.check_sessions import CheckSessions
    from bellglass.sandboxes.sessions.session import Session

MAX_PAID_IDLE_SECONDS = 30.0
"""Seconds without a check after which a session for checks ends if its sandbox costs money."""


class Expiry:
    """Ends sessions in time. `watch` must be running in a task of its own."""

    def __init__(
        self,
        idle_seconds: float,
        age_seconds: float,
        clock: Callable[[], float],
        live: Callable[[], Sequence[Session]],
        rest: Callable[[Session, str], Awaitable[None]],
    ) -> None:
        """`live` lists the sessions, `rest` ends one for a reason."""
        self._idle_seconds = idle_seconds
        self._age_seconds = age_seconds
        self._clock = clock
        self._live = live
        self._rest = rest
        self._retiring: set[str] = set()

    def seconds_left(self, session: Session) -> float:
        """Return how long the session lives if nobody calls it."""
        now = self._clock()
        idle = max(session.used_at + self._idle_seconds, session.runs.over_at) - now
        age = session.created_at + self._age_seconds - now
        if session.resting:
            return max(0.0, age)
        return max(0.0, min(idle, age))

    async def watch(self, tasks: TaskGroup, checking: CheckSessions) -> None:
        """End sessions when their time is over, and those for checks."""
        while True:
            for session in self._live():
                known = session.busy or session.id in self._retiring
                if not known and self.seconds_left(session) == 0:
                    self._retiring.add(session.id)
                    tasks.start_soon(self._retire, session)
            checking.end_idle(self._is_over)
            waits = [self.seconds_left(session) for session in self._live()]
            # A session opened meanwhile lives at least a minute, or as long as it may be idle.
            await anyio.sleep(max(0.5, min([*waits, MAX_PAID_IDLE_SECONDS, self._idle_seconds])))

    async def _retire(self, session: Session) -> None:
        """Pause an idle session, or end it."""
        try:
            old = session.created_at + self._age_seconds <= self._clock()
            if not old and await session.pause():
                return
            here = session in self._live() and not session.busy
            if here and self.seconds_left(session) == 0:
                reason = too_old(self._age_seconds) if old else idle(self._idle_seconds)
                await self._rest(session, reason)
        finally:
            self._retiring.discard(session.id)

    def _is_over(self, session: Session) -> bool:
        """Tell if a session for checks has been idle for long enough."""
        idle = self._clock() - session.used_at
        return self.seconds_left(session) == 0 or (
            session.backend.is_paid and idle > MAX_PAID_IDLE_SECONDS
        )
