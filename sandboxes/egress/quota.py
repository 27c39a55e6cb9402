"""Shares of one sandbox in connections that all sandboxes use, so that each gets some."""

from __future__ import annotations

import resource
from contextlib import contextmanager
from typing import TYPE_CHECKING

import anyio

if TYPE_CHECKING:
    from collections.abc import Generator

MAX_FILES_AT_ONCE = 4  # as pip and uv are told to fetch
MAX_PAGES_AT_ONCE = 8

MAX_OUTSIDE_CONNECTIONS = 512  # connections to other hosts, of all sandboxes together
RESERVED_OUTSIDE_CONNECTIONS = 8  # a sandbox with fewer than these may also use the last quarter


class Quota:
    """Semaphores of one sandbox. A program that exceeds them waits for others of its sandbox."""

    def __init__(self) -> None:
        self.files = anyio.Semaphore(MAX_FILES_AT_ONCE)
        self.pages = anyio.Semaphore(MAX_PAGES_AT_ONCE)
        self.outside = 0


class NoneLeft(Exception):
    """The maximum number of outside connections is open."""


class Outside:
    """Counts the connections to other hosts, of all sandboxes together."""

    def __init__(self, most: int | None = None) -> None:
        # A quarter of the descriptors: sessions and clients need some too.
        descriptors, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        bound = (
            MAX_OUTSIDE_CONNECTIONS
            if descriptors < 0
            else min(MAX_OUTSIDE_CONNECTIONS, descriptors // 4)
        )
        self._most = most or bound
        self._open = 0

    @contextmanager
    def one(self, quota: Quota) -> Generator[None]:
        """Count a connection of a sandbox for as long as the context is open.

        Raises:
            NoneLeft: No further connection is allowed.
        """
        left = self._most - self._open
        if left <= 0 or (left <= self._most // 4 and quota.outside >= RESERVED_OUTSIDE_CONNECTIONS):
            raise NoneLeft
        self._open += 1
        quota.outside += 1
        try:
            yield
        finally:
            self._open -= 1
            quota.outside -= 1
