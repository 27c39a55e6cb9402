"""Capture of one output stream: its head and tail in memory, all of it in a file."""

from __future__ import annotations

import os
from collections import deque
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from bellglass.sandboxes.wire.schema.execution import Output

READ_BYTES = 1 << 18

MAX_KEPT_FILES = 2
"""Calls whose cut output stays in a file: more of them would fill /tmp."""

MIN_KEPT_BYTES = 8192


class Sink(Protocol):
    def add(self, data: bytes, /) -> None: ...


class Window:
    """The head and the tail of a stream, in memory bounded by `kept`."""

    def __init__(self, kept: int, start: int = 0) -> None:
        """`start` is where the stream begins in the file with all of it."""
        self.total = 0
        self._start_in_file = start
        self._head_room = kept // 2
        self._tail_room = kept - kept // 2
        self._head = bytearray()
        self._tail: deque[bytes] = deque()
        self._tail_size = 0

    def add(self, data: bytes) -> None:
        """Take `data` in."""
        self.total += len(data)
        if len(self._head) < self._head_room:
            room = self._head_room - len(self._head)
            self._head += data[:room]
            data = data[room:]
        if data:
            self._tail.append(data)
            self._tail_size += len(data)
            while self._tail_size - len(self._tail[0]) >= self._tail_room:
                self._tail_size -= len(self._tail.popleft())

    def held(self) -> bytes:
        return bytes(self._head) + b"".join(self._tail)

    def report(self, file: OutputFile) -> Output:
        """Return the stream as it is reported; `file` holds what is left out."""
        head, tail = self._ends()
        cut = self.total - len(head) - len(tail)
        return {
            "text": self._until_tail(head, tail, file) + tail.decode("utf-8", "replace"),
            "total_bytes": self.total,
            "cut_bytes": cut,
            "file": file.path if file.written and cut else None,
            "file_bytes": file.written,
        }

    def position(self, offset: int, file: OutputFile) -> int:
        """Return the position in the reported text of the byte at `offset`, or that of the cut."""
        head, tail = self._ends()
        if offset <= len(head):
            return len(head[:offset].decode("utf-8", "replace"))
        before = max(0, offset - (self.total - len(tail)))
        return len(self._until_tail(head, tail, file)) + len(
            tail[:before].decode("utf-8", "replace")
        )

    def take_unfinished(self) -> bytes:
        """Remove and return the start of a character whose other bytes have not arrived yet."""
        last = self._tail[-1] if self._tail else bytes(self._head)
        whole = without_unfinished(last)
        rest = last[len(whole) :]
        if rest and self._tail:
            self._tail[-1] = whole
            self._tail_size -= len(rest)
        elif rest:
            del self._head[-len(rest) :]
        self.total -= len(rest)
        return rest

    def _ends(self) -> tuple[bytes, bytes]:
        """Return the head and the tail, cut between two characters if something is left out."""
        head, tail = bytes(self._head), b"".join(self._tail)[-self._tail_room :]
        if self.total > len(head) + len(tail):
            head = without_unfinished(head)
            # A character has at most three bytes after its first.
            begun = next((at for at in range(4) if tail[at : at + 1] not in _LATER_BYTES), 0)
            tail = tail[begun:]
        return head, tail

    def _until_tail(self, head: bytes, tail: bytes, file: OutputFile) -> str:
        """Return the text before the tail: the head, and how to read what was cut."""
        cut = self.total - len(head) - len(tail)
        text = head.decode("utf-8", "replace")
        if cut > 0:
            offset = self._start_in_file + len(head)
            text += cut_marker(cut, self.total, file.path, offset, file.written)
        return text


def cut_marker(cut: int, total: int, path: str = "", offset: int = 0, written: int = 0) -> str:
    """Return the line in place of what was cut: the call that reads on, if the file has more."""
    how = f': read_file(path="{path}", offset={offset})' if offset < written else ""
    if how and written < offset + cut:
        how += f", of which {written - offset:,} bytes were kept"
    return f"\n[… {cut:,} of {total:,} bytes omitted{how} …]\n"


_LATER_BYTES = frozenset(bytes([byte]) for byte in range(0x80, 0xC0))
"""The bytes of a UTF-8 character after its first."""


def without_unfinished(data: bytes) -> bytes:
    """Return `data` without an incomplete character at its end."""
    for back in range(1, min(3, len(data)) + 1):
        byte = data[-back]
        if byte >= 0xC0:
            length = 2 if byte < 0xE0 else 3 if byte < 0xF0 else 4
            return data[:-back] if back < length else data
        if byte < 0x80:
            break
    return data


class OutputFile:
    """A file in the sandbox that receives a stream, as far as there is space."""

    def __init__(self, path: str, most: int) -> None:
        self.path = path
        self.written = 0
        self.there = False
        self._most = most
        self._fd: int | None = None

    @property
    def is_open(self) -> bool:
        return self._fd is not None

    def open(self) -> None:
        # Exclusive, without following links: the directory belongs to the foreign code, which
        # could otherwise point the name at one of our descriptors in /proc.
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            self._fd = os.open(self.path, flags, 0o600)
        except OSError:
            self._fd = None
        self.there = self._fd is not None

    def write(self, data: bytes) -> None:
        if self._fd is None or self.written >= self._most:
            return
        try:
            self.written += os.write(self._fd, data[: self._most - self.written])
        except OSError:
            # The disk of the session is full: the file keeps what it has.
            self._most = self.written

    def close(self) -> None:
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None


class Unsent:
    """Output since the last progress note, as much as a note needs."""

    def __init__(self) -> None:
        self._data = bytearray()

    def add(self, data: bytes) -> None:
        if len(self._data) < MIN_KEPT_BYTES:
            self._data += data[: MIN_KEPT_BYTES - len(self._data)]

    def take(self) -> str:
        data = without_unfinished(bytes(self._data))
        if len(self._data) < MIN_KEPT_BYTES:
            del self._data[: len(data)]
        else:
            self._data.clear()  # its other bytes were dropped
        return data.decode("utf-8", "replace")


class Capture:
    """The output of one stream of one call.

    When something has to be left out, a file at `path` holds everything up to `file_bytes`, for a
    later call to read.
    """

    def __init__(self, path: str, kept: int, file_bytes: int) -> None:
        self.file = OutputFile(path, file_bytes)
        self.unsent = Unsent()
        self._window = Window(kept)
        self._kept = kept

    def add(self, data: bytes) -> None:
        """Take `data` in."""
        self.unsent.add(data)
        if not self.file.is_open and self._window.total + len(data) > self._kept:
            self.file.open()
            self.file.write(self._window.held())
        self.file.write(data)
        self._window.add(data)

    def clear(self) -> None:
        """Drop what has arrived. A file that was already written keeps all of it."""
        self._window = Window(self._kept, self.file.written)

    def report(self) -> Output:
        """Return the stream as it is reported."""
        self.file.close()
        return self._window.report(self.file)

    @property
    def total(self) -> int:
        return self._window.total

    def position(self, offset: int) -> int:
        """Return the position in the reported text of the byte at `offset`."""
        return self._window.position(offset, self.file)


class KeptFiles:
    """The files with complete outputs, of the last calls whose output was cut."""

    def __init__(self) -> None:
        self._paths: list[list[str]] = []

    def keep(self, captures: list[Capture], others: list[str]) -> None:
        """Keep the files of a call and `others`, and delete those of an older call."""
        paths = [
            *others,
            *(capture.file.path for capture in captures if capture.file.written),
        ]
        if paths:
            self._paths.append(paths)
        while len(self._paths) > MAX_KEPT_FILES:
            for path in self._paths.pop(0):
                try:
                    os.unlink(path)
                except OSError:
                    pass


def drain(fd: int, capture: Sink | None, most: int = 1 << 22) -> int:
    """Move at most about `most` waiting bytes from the pipe to `capture`; return how many.

    `most` keeps an endless flood from delaying the deadline.
    """
    moved = 0
    while moved < most:
        try:
            data = os.read(fd, READ_BYTES)
        except (BlockingIOError, OSError):
            break
        if not data:
            break
        moved += len(data)
        if capture is not None:
            capture.add(data)
    return moved
