"""What a background run prints: in a file from the first byte on, and what nobody has read yet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bellglass.sandboxes.supervisor.capture import OutputFile, Unsent, Window, drain

if TYPE_CHECKING:
    from bellglass.sandboxes.wire.schema import Output as OutputReport

MAX_BYTES_PER_TICK = 4 * 1024**2
"""Taken in one tick: a flood may not cost a processor of ours, and waits in its pipe instead."""


class Output:
    """One of the two streams. What is kept in memory is bounded, whatever comes."""

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
        """Take in what waits in the pipe, no more than this tick has room for; return how much."""
        moved = drain(fd, self, self._room) if self._room > 0 else 0
        self._room -= moved
        return moved

    @property
    def full(self) -> bool:
        """No more is taken in until the next tick."""
        return self._room <= 0

    def next_tick(self) -> None:
        self._room = MAX_BYTES_PER_TICK

    @property
    def unread(self) -> int:
        """Bytes that came since the last read."""
        return self._unread.total

    def place(self, offset: int) -> int:
        """Return where in what `read` returns the byte at `offset` is."""
        return self._unread.place(offset, self.file)

    def read(self) -> OutputReport:
        """Return what came since the last read.

        The beginning of a character waits for the rest of it, unless nothing more will come.
        """
        unread, self._unread = self._unread, Window(self._kept)
        if self.file.is_open:
            self._unread.add(unread.take_unfinished())
        return unread.report(self.file)

    def close(self) -> None:
        self.file.close()
