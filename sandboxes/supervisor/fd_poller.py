"""What process 1 waits for: descriptors, each with what is done when something happens to it."""

from __future__ import annotations

import select
from collections.abc import Callable
from typing import NamedTuple

Handler = Callable[[int], None]
"""Given the events, as poll(2) has them. Does what can be done without waiting."""


class _Entry(NamedTuple):
    handle: Handler
    on_failure: Handler | None
    events: int


class FdPoller:
    """The descriptors, and one wait for all of them.

    By poll and not by epoll: the kernel counts what epoll watches over all processes of one user,
    so that one session could leave none for the supervisors of all others.
    """

    def __init__(self) -> None:
        self._poll = select.poll()
        self._entries: dict[int, _Entry] = {}

    def add(
        self,
        fd: int,
        handle: Handler,
        on_failure: Handler | None = None,
        events: int = select.POLLIN,
    ) -> None:
        """Watch `fd` from now on, or otherwise than before.

        A descriptor whose handler raises is watched no more, and `on_failure` is called instead;
        without it the exception goes on.
        """
        entry = _Entry(handle, on_failure, events)
        if self._entries.get(fd) != entry:
            self._poll.register(fd, events)
            self._entries[fd] = entry

    def remove(self, fd: int) -> None:
        """Watch it no more, if it is watched."""
        if self._entries.pop(fd, None) is not None:
            self._poll.unregister(fd)

    def wait(self, milliseconds: float | None) -> None:
        """Wait until something happens, at most so long, and have it dealt with."""
        happened = [(fd, events, self._entries[fd]) for fd, events in self._poll.poll(milliseconds)]
        for fd, events, entry in happened:
            # Another may have removed it, or put a new one of that number in its place.
            if self._entries.get(fd) is not entry:
                continue
            try:
                entry.handle(events)
            except Exception:
                if entry.on_failure is None:
                    raise
                self.remove(fd)
                entry.on_failure(events)
