"""Limit the number of simultaneous file transfers: each takes the memory of a part or two."""

from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager

from bellglass.sandboxes.sessions.callers import Caller, share_of_one

MAX_TRANSFERS = 32
MAX_TRANSFERS_PER_SESSION = 8  # a browser opens 6 connections to a host
RETRY_AFTER_SECONDS = 5


class TooManyTransfers(Exception):
    """Another transfer cannot begin; the message is for the client."""

    def __init__(self, reason: str, status: int) -> None:
        super().__init__(f"{reason} Try again when one has ended.")
        self.status = status


class Transfers:
    """Counts transfers in total, by session, and by address if addresses identify callers."""

    def __init__(self) -> None:
        self._by_session: Counter[str] = Counter()
        self._by_peer: Counter[str] = Counter()

    @contextmanager
    def one(self, session_id: str, caller: Caller) -> Generator[None]:
        """Count a transfer while the context is open.

        Raises:
            TooManyTransfers: The maximum number is in progress.
        """
        if self._by_session[session_id] >= MAX_TRANSFERS_PER_SESSION:
            reason = f"{MAX_TRANSFERS_PER_SESSION} files of this session are on their way."
            raise TooManyTransfers(reason, 429)
        most = share_of_one(MAX_TRANSFERS)
        if caller.is_elsewhere and self._by_peer[caller.peer] >= most:
            raise TooManyTransfers(f"{most} files of yours are on their way.", 429)
        if self._by_session.total() >= MAX_TRANSFERS:
            raise TooManyTransfers(f"{MAX_TRANSFERS} files are on their way.", 503)
        counted = ((self._by_session, session_id), (self._by_peer, caller.peer))
        for counter, key in counted:
            counter[key] += 1
        try:
            yield
        finally:
            for counter, key in counted:
                counter[key] -= 1
                if not counter[key]:
                    del counter[key]
