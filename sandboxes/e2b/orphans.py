"""Sandboxes that nobody needs any more, found by their metadata and ended."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from bellglass.sandboxes.e2b.calls import bounded
from bellglass.sandboxes.e2b.errors import E2BError
from bellglass.sandboxes.e2b.machine import KILL_SECONDS, REQUEST_SECONDS
from bellglass.sandboxes.e2b.owner import Owner

if TYPE_CHECKING:
    from collections.abc import Collection

    from bellglass.sandboxes.e2b.endpoint import Endpoint

MARK = "bellglass"
"""Key of the metadata that all of ours have."""

OVERDUE_SECONDS = 3600.0
"""After the end of its lease or of its session, before a sandbox of another host is ended: the
engine should have done it, and clocks differ."""

_PAGES = 50
"""Of a hundred each: more than any account holds."""


def metadata(owner: Owner, place: str, session: str, until: float) -> dict[str, str]:
    """Return what a sandbox is marked with. It cannot be changed later.

    `place` names it among those of its owner. `until`: when its session ends at the latest, in
    seconds since 1970.
    """
    return {
        MARK: "1",
        f"{MARK}-host": owner.host,
        f"{MARK}-process": owner.process,
        f"{MARK}-place": place,
        f"{MARK}-session": session,
        f"{MARK}-until": str(int(until)),
    }


async def sweep(client: Any, endpoint: Endpoint, owner: Owner, live: Collection[str]) -> int:
    """End what is left over; return how many were ended.

    `live`: the places of `owner` that are in use. Another server's are left alone, unless it is
    certainly dead, or they are long overdue.

    Raises:
        E2BError: The engine does not list its sandboxes, or did not end one.
    """
    secrets = (endpoint.key, *endpoint.headers.values())
    ended = 0
    failure: E2BError | None = None
    for info in await _all_of_ours(client, secrets):
        if not _left_over(info, owner, live):
            continue
        try:
            await bounded(
                "end a sandbox that was left over",
                # One more name for the loop's variable: the call may be made later.
                lambda sandbox_id=info.sandbox_id: client.kill(sandbox_id),  # type: ignore[misc]
                seconds=KILL_SECONDS,
                repeat=True,
                secrets=secrets,
            )
            ended += 1
        except E2BError as exc:
            failure = exc
    if failure is not None:
        raise failure
    return ended


async def first_page(client: Any, endpoint: Endpoint) -> None:
    """Ask for a list, to see that the engine answers.

    Raises:
        E2BError: It does not.
    """
    await _page(client.list(limit=1), (endpoint.key, *endpoint.headers.values()))


async def _all_of_ours(client: Any, secrets: tuple[str, ...]) -> list[Any]:
    from e2b_code_interpreter import SandboxQuery

    pages = client.list(query=SandboxQuery(metadata={MARK: "1"}), limit=100)
    found: list[Any] = []
    for _ in range(_PAGES):
        if not pages.has_next:
            break
        found += await _page(pages, secrets)
    return found


async def _page(pages: Any, secrets: tuple[str, ...]) -> Any:
    what = "list sandboxes"
    try:
        return await bounded(what, pages.next_items, seconds=REQUEST_SECONDS, secrets=secrets)
    except E2BError as exc:
        if exc.kind in ("gone", "old"):  # a list that is not there is none of E2B's
            raise E2BError("foreign", what, "it does not know the request") from None
        raise


def _left_over(info: Any, owner: Owner, live: Collection[str]) -> bool:
    """Tell if a listed sandbox is ours and nobody's. The engine's filter is not relied on."""
    marks = info.metadata
    if not isinstance(marks, dict) or marks.get(MARK) != "1":
        return False
    theirs = Owner(str(marks.get(f"{MARK}-host")), str(marks.get(f"{MARK}-process")))
    if theirs == owner:
        return marks.get(f"{MARK}-place") not in live
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
