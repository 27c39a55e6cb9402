"""Poll of descriptors for process 1, with a handler for each."""

from __future__ import annotations

import select
from collections.abc import Callable
from typing import NamedTuple

Handler = Callable[[int], None]
"""Is given the events of poll(2). It must not block."""


class _Entry(NamedTuple):
    handle: Handler
    on_failure: Handler | None
    events: int


class FdPoller:
    """Descriptors with their handlers, and one wait for all of them.

    It uses poll, not epoll: the kernel counts what epoll watches over all processes of a user, so
    one session could leave nothing for the supervisors of all others.
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
        """Watch `fd`, or change how it is watched.

        A descriptor whose handler raises is no longer watched, and `on_failure` is called instead;
        without `on_failure` the exception propagates.
        """
        entry = _Entry(handle, on_failure, events)
        if self._entries.get(fd) != entry:
            self._poll.register(fd, events)
            self._entries[fd] = entry

    def remove(self, fd: int) -> None:
        """Stop watching `fd`, if it is watched."""
        if self._entries.pop(fd, None) is not None:
            self._poll.unregister(fd)

    def wait(self, milliseconds: float | None) -> None:
        """Wait for events, at most this long, and call their handlers."""
        happened = [(fd, events, self._entries[fd]) for fd, events in self._poll.poll(milliseconds)]
        for fd, events, entry in happened:
            # Another handler may have removed it, or added a new descriptor of that number.
            if self._entries.get(fd) is not entry:
                continue
            try:
                entry.handle(events)
            except Exception:
                if entry.on_failure is None:
                    raise
                self.remove(fd)
                entry.on_failure(events)
