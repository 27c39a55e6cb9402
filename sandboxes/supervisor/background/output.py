"""Output of a background run: all of it in a file, and the unread part in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bellglass.sandboxes.supervisor.capture import OutputFile, Unsent, Window, drain

if TYPE_CHECKING:
    from bellglass.sandboxes.wire.schema.execution import Output as OutputReport

MAX_BYTES_PER_TICK = 4 * 1024**2
"""Bytes taken in one tick: a flood must not cost us a processor, so it waits in its pipe."""


class Output:
    """One of the two streams, with a bound on what is kept in memory."""

    def __init__(self, path: str, kept: int, file_bytes: int) -> None:
        self.file = OutputFile(path, file_bytes)
        self.file.open()
        self.unsent = Unsent()
        self._kept = kept
        self._unread = Window(kept)
        self._room = MAX_BYTES_PER_TICK

    def add(self, data: bytes) -> None:
        self.file.write(data)
        self._unread.add(data)
        self.unsent.add(data)

    def take(self, fd: int) -> int:
        """Take in what waits in the pipe, within this tick's allowance; return how much."""
        moved = drain(fd, self, self._room) if self._room > 0 else 0
        self._room -= moved
        return moved

    @property
    def full(self) -> bool:
        """Whether this tick's allowance is used up."""
        return self._room <= 0

    def next_tick(self) -> None:
        self._room = MAX_BYTES_PER_TICK

    @property
    def unread(self) -> int:
        """Bytes that arrived since the last read."""
        return self._unread.total

    def position(self, offset: int) -> int:
        """Return the position of the byte at `offset` in what `read` returns."""
        return self._unread.position(offset, self.file)

    def read(self) -> OutputReport:
        """Return what arrived since the last read.

        An incomplete character is held back until the rest of it arrives, or nothing more can.
        """
        unread = self._unread
        rest = unread.take_unfinished() if self.file.is_open else b""
        self._unread = Window(self._kept, self.file.written - len(rest))
        self._unread.add(rest)
        return unread.report(self.file)

    def close(self) -> None:
        self.file.close()
