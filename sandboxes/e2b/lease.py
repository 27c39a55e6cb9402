"""The time that a sandbox may go on living, and how long it has cost money."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

import anyio

from bellglass.sandboxes.e2b.errors import E2BError

if TYPE_CHECKING:
    from bellglass.sandboxes.e2b.machine import Machine

logger = logging.getLogger("bellglass")


class Lease:
    """Renewed while the server lives: when it was killed, the engine ends the sandbox."""

    def __init__(self, machine: Machine, seconds: int) -> None:
        self.seconds = seconds
        self.lost: E2BError | None = None
        """Why it cannot be renewed any more."""
        self._machine = machine
        self._until = time.monotonic() + seconds
        self._running_since: float | None = time.monotonic()
        self._used = 0.0
        self._changed = anyio.Event()

    async def keep(self) -> None:
        """Renew it, until the sandbox is gone or this is cancelled."""
        while True:
            if self._running_since is None:
                await self._changed.wait()
            with anyio.move_on_after(max(0.0, self._left() - self.seconds * 2 / 3)):
                await self._changed.wait()
            if self._running_since is None:
                continue
            try:
                await self.renew()
            except E2BError as exc:
                if exc.kind == "gone" and self._running_since is not None:
                    if await self._paused_by_others():
                        await anyio.sleep(1)
                        continue
                    self.lost = exc
                    return
                logger.warning("E2B: %s", exc)
                await anyio.sleep(self.seconds / 12)  # eight times before it runs out

    async def _paused_by_others(self) -> bool:
        """Tell if the sandbox sleeps: who listens to it wakes it. An engine calls that gone too."""
        try:
            return await self._machine.state() == "paused"
        except E2BError:
            return False

    async def ensure(self) -> None:
        """Make sure that at least half of it is left, for a call that begins now."""
        if self._left() < self.seconds / 2:
            await self.renew()

    async def renew(self) -> None:
        await self._machine.renew(self.seconds)
        self._until = time.monotonic() + self.seconds

    def _left(self) -> float:
        return self._until - time.monotonic()

    # --- what it costs

    @property
    def used_seconds(self) -> float:
        """For how long the sandbox has been running."""
        now = time.monotonic()
        return self._used + (0 if self._running_since is None else now - self._running_since)

    def stopped(self) -> None:
        """The sandbox sleeps, or has ended."""
        self._used = self.used_seconds
        self._running_since = None
        self._tell()

    def resumed(self) -> None:
        """The sandbox runs again, with a new lease."""
        self._used = self.used_seconds
        self._running_since = time.monotonic()
        self._until = time.monotonic() + self.seconds
        self._tell()

    def _tell(self) -> None:
        self._changed.set()
        self._changed = anyio.Event()
