"""How many sandboxes are asked for, and how fast: below what the account may, and what it costs."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import anyio

from bellglass.sandboxes.errors import SandboxUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_BURST_SECONDS = 1.0
"""After a quiet time, as many machines may be created at once as the rate allows in this time."""


class RateLimiter:
    """Refuses at once what would be one too many, and spaces out the making of the rest."""

    def __init__(self, most: int, per_second: float) -> None:
        self._most = most
        self._held = 0
        self._interval = 1 / per_second
        self._next = 0.0

    @contextmanager
    def one(self) -> Iterator[None]:
        """Hold one of the sandboxes.

        Raises:
            SandboxUnavailable: All are in use.
        """
        if self._held >= self._most:
            raise SandboxUnavailable(
                "e2b",
                f"all {self._most} sandboxes of BELLGLASS_E2B_MAX_SANDBOXES are in use. Close a "
                "session, or call with the session_id of one.",
            )
        self._held += 1
        try:
            yield
        finally:
            self._held -= 1

    async def turn(self) -> None:
        """Wait until another sandbox may be asked for."""
        now = anyio.current_time()
        self._next = max(self._next, now - MAX_BURST_SECONDS) + self._interval
        await anyio.sleep(max(0.0, self._next - now))
