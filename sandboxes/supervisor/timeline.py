"""Events of a call in the supervisor with their times, reported when the server traces it."""

from __future__ import annotations

import time


class Timeline:
    """Events since the request was taken, in milliseconds."""

    def __init__(self, *, wanted: bool) -> None:
        """Without `wanted` nothing is noted."""
        self._wanted = wanted
        self.events: list[tuple[str, float]] = []
        self._started = time.monotonic()

    def mark(self, event: str) -> None:
        if self._wanted:
            self.events.append((event, round((time.monotonic() - self._started) * 1000, 3)))
