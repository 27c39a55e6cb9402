"""Callers, for fairness: who may end whose sessions, and whose turn is next."""

from __future__ import annotations

from collections import OrderedDict, deque
from contextlib import asynccontextmanager
from dataclasses import dataclass
from ipaddress import ip_address
from typing import TYPE_CHECKING

import anyio

from bellglass.sandboxes.errors import TooManyWaiting

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator


@dataclass(frozen=True, slots=True)
class Caller:
    """One of several clients that use a server at the same time.

    It is no identity: an owner decides what may be used, a caller only what is fair.
    """

    connection: str
    """What distinguishes callers of one address: an MCP session, or else a connection."""
    peer: str
    """The address from which it calls."""

    @property
    def is_elsewhere(self) -> bool:
        """Whether its address identifies it: all callers on this machine share one."""
        return is_elsewhere(self.peer)


def is_elsewhere(peer: str) -> bool:
    """Whether an address is that of another machine."""
    try:
        return not ip_address(peer).is_loopback
    except ValueError:
        return False


def share_of_one(whole: int) -> int:
    """Return how many of `whole` one caller may hold: not all, unless there are very few."""
    return whole - max(1, whole // 4) if whole >= 3 else whole


class FairTurns:
    """Runs a few tasks of several callers at a time, one of each caller, in rotation.

    A caller that asks for many turns delays itself: the first task of another caller waits for at
    most one of them.
    """

    def __init__(self, at_once: int, *, max_waiting: int) -> None:
        """`max_waiting`: how many tasks of one caller may wait."""
        self._free = at_once
        self._max_waiting = max_waiting
        self._running: set[Caller | None] = set()
        self._waiting: OrderedDict[Caller | None, deque[anyio.Event]] = OrderedDict()

    @asynccontextmanager
    async def turn(self, caller: Caller | None) -> AsyncGenerator[None]:
        """Wait for a turn, and hold it while the context is open.

        Raises:
            TooManyWaiting: The caller has as many waiting tasks as one may have.
        """
        queue = self._waiting.setdefault(caller, deque())
        if len(queue) >= self._max_waiting:
            raise TooManyWaiting(self._max_waiting)
        granted = anyio.Event()
        queue.append(granted)
        self._grant()
        try:
            await granted.wait()
            yield
        finally:
            if granted.is_set():
                self._free += 1
                self._running.remove(caller)
            else:
                self._remove(caller, granted)
            self._grant()

    def _grant(self) -> None:
        """Give the free turns to the callers that have waited longest, one turn to each."""
        for caller in list(self._waiting):
            if self._free and caller not in self._running:
                self._free -= 1
                self._running.add(caller)
                granted = self._waiting[caller][0]
                self._waiting.move_to_end(caller)  # behind callers that have had none meanwhile
                self._remove(caller, granted)
                granted.set()

    def _remove(self, caller: Caller | None, granted: anyio.Event) -> None:
        queue = self._waiting[caller]
        queue.remove(granted)
        if not queue:
            del self._waiting[caller]
