"""The time that a sandbox may go on living, and how long it has cost money."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

import anyio

from bellglass.sandboxes.backends.e2b.errors import E2BError
from bellglass.sandboxes.backends.e2b.patience import ATTEMPT_TIMEOUT_SECONDS

if TYPE_CHECKING:
    from bellglass.sandboxes.backends.e2b.machines.machine import Machine

logger = logging.getLogger(__name__)


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
        self._gone = False
        self._changed = anyio.Event()
        self._try_again_at = 0.0
        """No call waits for a renewal before."""

    @property
    def is_over(self) -> bool:
        """Whether the sandbox has ended: it is gone, or was not renewed in time."""
        return self._gone or (self._running_since is not None and self._left() <= 0)

    def end(self) -> None:
        """Take note that the sandbox is gone."""
        self._gone = True

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
                state = await self._machine.certain_state() if exc.kind == "gone" else "unknown"
                if state == "paused":  # by somebody else; who listens to it wakes it
                    self._until = time.monotonic() + self.seconds
                if state == "gone":
                    self.end()
                if self.is_over:
                    self.lost = exc
                    return
                logger.warning("E2B: %s", exc)
                await anyio.sleep(self.seconds / 12)  # eight times before it runs out

    async def ensure(self) -> None:
        """Try to have at least half of it left, for a call that begins now.

        An outage of the control plane does not stop calls: `keep` goes on trying.

        Raises:
            E2BError: There is no such sandbox, it says.
        """
        if self._left() < self.seconds / 2 and anyio.current_time() >= self._try_again_at:
            try:
                with anyio.fail_after(ATTEMPT_TIMEOUT_SECONDS):
                    await self.renew()
            except (E2BError, TimeoutError) as exc:
                if isinstance(exc, E2BError) and exc.kind == "gone":
                    raise
                logger.warning("E2B: a lease was not renewed: %s", exc)
                self._try_again_at = anyio.current_time() + self.seconds / 12

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
