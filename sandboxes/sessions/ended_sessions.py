"""Why sessions have ended, kept for a while: who asks for one is told, if it was theirs."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, NamedTuple

from bellglass.sandboxes.errors import SessionNotFound
from bellglass.sandboxes.sessions.durations import duration

if TYPE_CHECKING:
    from collections.abc import Callable

KEPT_SECONDS = 3600.0
GONE = "Its variables and files are gone."
SAVED = "It is saved: call again with its session_id to go on."
MAX_ENDED_SESSIONS = 2048
"""The oldest are forgotten first. Each takes about 400 bytes."""


def idle(seconds: float) -> str:
    return f"it was idle for {duration(seconds)}"


def too_old(seconds: float) -> str:
    return f"it was {duration(seconds)} old, the most that a session may be"


def too_many(most: int) -> str:
    return f"it was unused, and made room for another ({most} at most)"


class _Ended(NamedTuple):
    owner: str | None
    reason: str
    at: float


class EndedSessions:
    """The sessions of a server that ended within the last hour."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._started_at = clock()
        self._ended: OrderedDict[str, _Ended] = OrderedDict()

    def __contains__(self, session_id: object) -> bool:
        return session_id in self._ended

    def note(self, session_id: str, owner: str | None, reason: str, became: str = GONE) -> str:
        """Keep why a session ends, and return it for the calls that it ends."""
        self._ended[session_id] = _Ended(owner, reason, self._clock())
        while len(self._ended) > MAX_ENDED_SESSIONS or self._is_old(next(iter(self._ended))):
            self._ended.popitem(last=False)
        return f"Session {session_id} ended during this call: {reason}. {became}"

    def not_found(self, session_id: str, owner: str | None) -> SessionNotFound:
        """Return the error for the owner, about a session that is not there."""
        ended = self._ended.get(session_id)
        if ended is not None and ended.owner == owner and not self._is_old(session_id):
            ago = duration(self._clock() - ended.at)
            return SessionNotFound(f"Session {session_id} ended {ago} ago: {ended.reason}. {GONE}")
        age = self._clock() - self._started_at
        if age < KEPT_SECONDS:
            return SessionNotFound(
                f"No such session: this server was started or restarted {duration(age)} ago, and "
                "has had none with this id since. What an earlier server had is gone."
            )
        return SessionNotFound(
            "No such session: it ended more than an hour ago, or there was none with this id."
        )

    def _is_old(self, session_id: str) -> bool:
        return self._clock() - self._ended[session_id].at > KEPT_SECONDS
