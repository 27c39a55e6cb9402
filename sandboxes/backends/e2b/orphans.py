"""Sandboxes that nobody needs any more, found by their metadata and ended."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from bellglass.sandboxes.backends.e2b.errors import E2BError
from bellglass.sandboxes.backends.e2b.listing import MARK, PLACE, marked
from bellglass.sandboxes.backends.e2b.machine import Machine
from bellglass.sandboxes.backends.e2b.owner import Owner

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from bellglass.sandboxes.backends.e2b.endpoint import Endpoint

OVERDUE_SECONDS = 3600.0
"""After the end of its lease or of its session, before a sandbox of another host is ended: the
engine should have done it, and clocks differ."""


async def sweep(
    client: Any,
    endpoint: Endpoint,
    owner: Owner,
    live: Mapping[str, str | None],
    spared: Collection[str] = (),
) -> int:
    """End what is left over; return how many were ended.

    `live`: the places of `owner` that are in use, each with the id of its sandbox if there is one.
    `spared`: ids of sandboxes that are not left over, whosoever made them.
    Another server's are left alone, unless it is certainly dead, or they are long overdue.

    Raises:
        E2BError: The engine does not list its sandboxes, or did not end one.
    """
    ended = 0
    failure: E2BError | None = None
    for info in await marked(client, endpoint):
        if info.sandbox_id in spared or not _left_over(info, owner, live):
            continue
        try:
            await Machine.end(client, endpoint, info.sandbox_id)
            ended += 1
        except E2BError as exc:
            failure = exc
    if failure is not None:
        raise failure
    return ended


async def of_dead_servers(client: Any, endpoint: Endpoint) -> int:
    """Return how many sandboxes still run for servers that were killed.

    Raises:
        E2BError: The engine does not list its sandboxes.
    """
    return sum(_owner(info).is_dead() for info in await marked(client, endpoint))


def _owner(info: Any) -> Owner:
    marks = info.metadata
    return Owner(str(marks.get(f"{MARK}-host")), str(marks.get(f"{MARK}-process")))


def _left_over(info: Any, owner: Owner, live: Mapping[str, str | None]) -> bool:
    """Tell if a listed sandbox is ours and nobody's."""
    marks = info.metadata
    theirs = _owner(info)
    if theirs == owner:
        place = marks.get(PLACE)
        # There is one for a place. One that came twice is in nobody's hands.
        return place not in live or live[place] not in (None, info.sandbox_id)
    if theirs.is_dead():
        return True
    return _overdue(info, str(marks.get(f"{MARK}-until")))


def _overdue(info: Any, until: str) -> bool:
    """Tell if the engine should have ended it, or its own server should have long ago."""
    overdue = time.time() - OVERDUE_SECONDS
    if until.isdecimal() and int(until) < overdue:
        return True
    state = getattr(info.state, "value", info.state)
    return state == "running" and info.end_at is not None and info.end_at.timestamp() < overdue
