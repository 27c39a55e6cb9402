"""Sandboxes that nobody needs any more, found by their metadata and ended."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any

import anyio

from bellglass.sandboxes.backends.e2b.errors import E2BError
from bellglass.sandboxes.backends.e2b.machines.listing import MARK, SANDBOX_NAME, marked
from bellglass.sandboxes.backends.e2b.machines.machine import Machine
from bellglass.sandboxes.backends.e2b.machines.owner import Owner

if TYPE_CHECKING:
    from collections.abc import Collection

    from bellglass.sandboxes.backends.e2b.client import Client
    from bellglass.sandboxes.backends.e2b.endpoint import Endpoint

logger = logging.getLogger(__name__)

MIN_OVERDUE_SECONDS = 3600.0
"""After the end of its lease or of its session, before a sandbox of another host is ended: the
engine should have done it, and clocks differ."""


ORPHAN_SWEEP_INTERVAL_SECONDS = 60.0
"""Seconds between two searches for machines that are left over."""


class OrphanSweeper:
    """For one server, `owner`, on one engine."""

    def __init__(self, client: Client, endpoint: Endpoint, owner: Owner) -> None:
        self.live: dict[str, str | None] = {}
        """Names of sandboxes of `owner` that are being made or in use, each with the id of its
        machine once it has one."""
        self._client = client
        self._endpoint = endpoint
        self._owner = owner
        self._doubt = anyio.Event()

    def suspect(self) -> None:
        """Take note that something may be left over, so that the next sweep comes soon."""
        self._doubt.set()

    @property
    def suspects(self) -> bool:
        return self._doubt.is_set()

    async def due(self) -> None:
        """Wait until it is time for the next sweep."""
        with anyio.move_on_after(ORPHAN_SWEEP_INTERVAL_SECONDS):
            await self._doubt.wait()
            await anyio.sleep(1)  # what was cut off may just be coming into being

    async def sweep(self, spared: Collection[str]) -> None:
        """End what is left over. An engine that does not let us is logged.

        `spared`: ids of sandboxes that are not left over, whoever made them. Another server's
        are left alone, unless it is certainly dead, or they are long overdue.
        """
        self._doubt = anyio.Event()
        ended = 0
        try:
            client = await self._client.get()
            found = await marked(client, self._endpoint)
        except E2BError as exc:
            logger.warning("E2B: %s", exc)
            return
        for info in found:
            if info.sandbox_id in spared or not self._is_left_over(info):
                continue
            try:
                await Machine.end(client, self._endpoint, info.sandbox_id)
                ended += 1
            except E2BError as exc:
                logger.warning("E2B: %s", exc)
        if ended:
            logger.info("E2B: ended %d sandboxes that were left over", ended)

    def _is_left_over(self, info: Any) -> bool:
        """Tell if a listed sandbox is ours and nobody's."""
        theirs = _owner(info)
        if theirs == self._owner:
            sandbox_name = info.metadata.get(SANDBOX_NAME)
            # A sandbox has one machine. A second one is in nobody's hands.
            return sandbox_name not in self.live or self.live[sandbox_name] not in (
                None,
                info.sandbox_id,
            )
        return theirs.is_dead() or _is_overdue(info)

    async def count_of_killed_servers(self) -> int:
        """Return how many sandboxes still run for servers that were killed; 0 if nobody says."""
        try:
            found = await marked(await self._client.get(), self._endpoint)
        except E2BError:
            return 0
        return sum(_owner(info).is_dead() for info in found)


def _owner(info: Any) -> Owner:
    marks = info.metadata
    return Owner(str(marks.get(f"{MARK}-host")), str(marks.get(f"{MARK}-process")))


def _is_overdue(info: Any) -> bool:
    """Tell if the engine should have ended it, or its own server should have long ago."""
    until = str(info.metadata.get(f"{MARK}-until"))
    overdue = time.time() - MIN_OVERDUE_SECONDS
    if until.isdecimal() and int(until) < overdue:
        return True
    state = getattr(info.state, "value", info.state)
    return state == "running" and info.end_at is not None and info.end_at.timestamp() < overdue
