"""Limits on the number of sessions: how many a caller may hold, and which one ends for another."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bellglass.sandboxes.errors import CallerLimit, SessionLimit
from bellglass.sandboxes.sessions.callers import share_of_one

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bellglass.sandboxes.sessions.callers import Caller
    from bellglass.sandboxes.sessions.session import Session


CONTINUED_SESSION_BONUS_SECONDS = 600.0
"""A session that a client has come back to counts as used this much later than it was."""


@dataclass(slots=True)
class Tenancy:
    """A session, its caller, and whether a client has come back to it."""

    session: Session
    caller: Caller | None
    for_upload: bool = False
    """Whether it was opened for a file, and has run nothing yet."""
    continued: bool = False

    @property
    def in_use(self) -> bool:
        return self.session.busy or bool(self.session.runs.live)

    @property
    def unused_since(self) -> float:
        """The time of its last use, or later if a client has come back to it.

        A client that never names a session opens one with each call: those end first.
        """
        return self.session.used_at + (CONTINUED_SESSION_BONUS_SECONDS if self.continued else 0)


def to_make_room(
    tenancies: Sequence[Tenancy], owner: str | None, caller: Caller | None, max_sessions: int
) -> Session | None:
    """Return the session that has to end before `caller` opens one; None if there is room.

    It is the caller's own session that was unused the longest. A caller without one may just have
    opened a new connection: then it is a session of a connection from the same address that has
    many, and only one that no client has come back to. Others never end a session that is in use.

    Raises:
        SessionLimit: None of the sessions that may end is unused.
        CallerLimit: The caller has as many as one may have, and all of them are in use.
    """
    mine = [tenancy for tenancy in tenancies if tenancy.session.owner == owner]
    own = [tenancy for tenancy in mine if tenancy.caller == caller]
    near = [tenancy for tenancy in mine if _peer(tenancy.caller) == _peer(caller)]
    most = share_of_one(max_sessions) if caller is not None else max_sessions
    enough = len(own) >= most
    crowded = caller is not None and caller.is_elsewhere and len(near) >= most
    if len(tenancies) < max_sessions and not enough and not crowded:
        return None
    if unused := [tenancy for tenancy in own if not tenancy.in_use]:
        return min(unused, key=lambda tenancy: tenancy.unused_since).session
    if enough and most < max_sessions:
        raise CallerLimit(most)
    held = Counter(tenancy.caller for tenancy in near)
    passing = [one for one in near if not (one.in_use or one.continued or caller is None)]
    if not passing:
        raise SessionLimit(max_sessions)
    passing.sort(key=lambda one: (not one.for_upload, -held[one.caller], one.session.used_at))
    return passing[0].session


def _peer(caller: Caller | None) -> str:
    return caller.peer if caller is not None else ""
