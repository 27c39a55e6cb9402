"""How much of request bodies is held at a time: each stays in memory while its call goes on."""

from collections import Counter
from collections.abc import Callable, Generator
from contextlib import contextmanager

from bellglass.sandboxes.sessions.callers import is_elsewhere, share_of_one

MAX_BODIES_BYTES = 64 * 1024**2
UNCOUNTED_BODY_BYTES = 64 * 1024
"""Of each body, that count for nothing: plain requests pass whatever others send, and there are
no more of them than connections."""


class TooMuchHeld(Exception):
    """One more part may not be taken; the text is for the client."""

    def __init__(self, reason: str, status: int) -> None:
        super().__init__(f"{reason} Try again when their calls have ended.")
        self.status = status


class Bodies:
    """Counts bytes: in all, and by address where that tells callers apart."""

    def __init__(self, max_bytes: int = MAX_BODIES_BYTES) -> None:
        self._max_bytes = max_bytes
        self._by_peer: Counter[str] = Counter()

    @contextmanager
    def one(self, peer: str) -> Generator[Callable[[int], None]]:
        """Hold a body for as long as the context is open; what it yields takes the size of a part.

        Raises:
            TooMuchHeld: By that: the part has no room.
        """
        size = counted = 0

        def take(part: int) -> None:
            nonlocal size, counted
            size += part
            more = max(0, size - UNCOUNTED_BODY_BYTES) - counted
            most = share_of_one(self._max_bytes)
            if more and is_elsewhere(peer) and self._by_peer[peer] + more > most:
                raise TooMuchHeld(f"{most:,} bytes of your requests are being worked on.", 429)
            if more and self._by_peer.total() + more > self._max_bytes:
                reason = f"{self._max_bytes:,} bytes of requests are being worked on."
                raise TooMuchHeld(reason, 503)
            self._by_peer[peer] += more
            counted += more

        try:
            yield take
        finally:
            self._by_peer[peer] -= counted
            if not self._by_peer[peer]:
                del self._by_peer[peer]
