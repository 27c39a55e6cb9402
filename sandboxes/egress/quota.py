"""How much one place may have at a time of what all of them share, so that others get theirs."""

from __future__ import annotations

import resource
from contextlib import contextmanager
from typing import TYPE_CHECKING

import anyio

if TYPE_CHECKING:
    from collections.abc import Generator

MAX_FILES = 4  # as pip and uv are told to fetch
MAX_PAGES = 8

MAX_OUTSIDE = 512  # connections to other hosts, of all places together
FEW_OUTSIDE = 8  # of one place, for which the last quarter of them is kept


class Quota:
    """Turns of one place. A program that asks for more waits for its own."""

    def __init__(self) -> None:
        self.files = anyio.Semaphore(MAX_FILES)
        self.pages = anyio.Semaphore(MAX_PAGES)
        self.outside = 0


class NoneLeft(Exception):
    """As many connections are open outside as may be."""


class Outside:
    """Counts the connections to other hosts, of all places together."""

    def __init__(self, most: int | None = None) -> None:
        # A quarter of the descriptors: sessions and callers need some too.
        descriptors, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        bound = MAX_OUTSIDE if descriptors < 0 else min(MAX_OUTSIDE, descriptors // 4)
        self._most = most or bound
        self._open = 0

    @contextmanager
    def one(self, quota: Quota) -> Generator[None]:
        """Count a connection of a place for as long as the context is open.

        Raises:
            NoneLeft: There may be no other.
        """
        left = self._most - self._open
        if left <= 0 or (left <= self._most // 4 and quota.outside >= FEW_OUTSIDE):
            raise NoneLeft
        self._open += 1
        quota.outside += 1
        try:
            yield
        finally:
            self._open -= 1
            quota.outside -= 1
