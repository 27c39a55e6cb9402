"""Our ends of the pipes and sockets of all runs, watched through one descriptor."""

from __future__ import annotations

import select
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bellglass.sandboxes.runner.background.run import Run


class Ends:
    """Whose each of them is, and what: `out`, `err` or `control`."""

    def __init__(self) -> None:
        self._set = select.epoll()
        self._whose: dict[int, tuple[Run, str]] = {}
        self._disarmed: list[int] = []

    @property
    def descriptor(self) -> int:
        """Readable when one of them is."""
        return self._set.fileno()

    def add(self, fd: int, run: Run, what: str) -> None:
        self._whose[fd] = run, what
        self._set.register(fd, select.EPOLLIN)

    def remove(self, fd: int) -> None:
        """Watch it no more, if it is watched."""
        if self._whose.pop(fd, None) is None:
            return
        if fd in self._disarmed:
            self._disarmed.remove(fd)
        else:
            self._set.unregister(fd)

    def ready(self) -> Iterator[tuple[int, int, Run, str]]:
        """Yield each that can be read, with its event; one may go while another is served."""
        for fd, event in self._set.poll(0):
            if fd in self._whose:
                run, what = self._whose[fd]
                yield fd, event, run, what

    def disarm(self, fd: int) -> None:
        """Leave it alone until `rearm`."""
        self._set.unregister(fd)
        self._disarmed.append(fd)

    def rearm(self) -> None:
        while self._disarmed:
            self._set.register(self._disarmed.pop(), select.EPOLLIN)
