"""Limit the memory that request bodies take: each is held while its call runs."""

from collections import Counter
from collections.abc import Callable, Generator
from contextlib import contextmanager

from bellglass.sandboxes.sessions.callers import is_elsewhere, share_of_one

MAX_BODIES_BYTES = 64 * 1024**2
MAX_UNCOUNTED_BODY_BYTES = 64 * 1024
"""Bytes of each body that are not counted, so that plain requests pass whatever others send. The
number of connections limits them."""


class TooMuchHeld(Exception):
    """Another part of a body cannot be accepted; the message is for the client."""

    def __init__(self, reason: str, status: int) -> None:
        super().__init__(f"{reason} Try again when their calls have ended.")
        self.status = status


class Bodies:
    """Counts bytes in total, and by address if addresses identify callers."""

    def __init__(self, max_bytes: int = MAX_BODIES_BYTES) -> None:
        self._max_bytes = max_bytes
        self._by_peer: Counter[str] = Counter()

    @contextmanager
    def one(self, peer: str) -> Generator[Callable[[int], None]]:
        """Count a body while the context is open; call the yielded function with each part's size.

        Raises:
            TooMuchHeld: Raised by that function: the part exceeds the limit.
        """
        size = counted = 0

        def take(part: int) -> None:
            nonlocal size, counted
            size += part
            more = max(0, size - MAX_UNCOUNTED_BODY_BYTES) - counted
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
