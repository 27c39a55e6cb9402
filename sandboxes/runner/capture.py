"""What comes out of one stream: its head and its tail in memory, the whole in a file."""

from __future__ import annotations

import os
from collections import deque
from typing import Any

CHUNK = 1 << 18

FILES_KEPT = 2
"""Calls whose cut output stays in a file: more would fill /tmp."""


class Capture:
    """The output of one stream of one call.

    Memory use is bounded by `kept` however much arrives. When something has to be left out,
    everything up to `file_bytes` is in `path`, for a later call to read.
    """

    def __init__(self, path: str, kept: int, file_bytes: int) -> None:
        self.total = 0
        self.path = path
        self._head_room = kept // 2
        self._tail_room = kept - kept // 2
        self._file_bytes = file_bytes
        self._head = bytearray()
        self._tail: deque[bytes] = deque()
        self._tail_size = 0
        self._file: int | None = None
        self.filed = 0
        self._unsent = bytearray()

    def add(self, data: bytes) -> None:
        """Take `data` in."""
        self.total += len(data)
        if len(self._unsent) < 8192:
            self._unsent += data[: 8192 - len(self._unsent)]
        if self._file is not None:
            self._to_file(data)
        elif self.total > self._head_room + self._tail_room:
            self._open_file()
            self._to_file(bytes(self._head) + b"".join(self._tail) + data)
        if len(self._head) < self._head_room:
            room = self._head_room - len(self._head)
            self._head += data[:room]
            data = data[room:]
        if data:
            self._tail.append(data)
            self._tail_size += len(data)
            while self._tail_size - len(self._tail[0]) >= self._tail_room:
                self._tail_size -= len(self._tail.popleft())

    def unsent(self) -> str:
        """Return what has arrived since the last call, as far as a progress note needs it."""
        text = self._unsent.decode("utf-8", "replace")
        self._unsent.clear()
        return text

    def report(self) -> dict[str, Any]:
        """Return the stream as `execution.Output` wants it."""
        tail = self._end()
        text = self._start(tail) + tail.decode("utf-8", "replace")
        if self._file is not None:
            os.close(self._file)
        return {
            "text": text,
            "total_bytes": self.total,
            "cut_bytes": max(self.total - len(self._head) - len(tail), 0),
            "file": self.path if self.filed else None,
            "file_bytes": self.filed,
        }

    def place(self, offset: int) -> int:
        """Return where in the reported text the byte at `offset` is: at the cut, if it was cut."""
        if offset <= len(self._head):
            return len(self._head[:offset].decode("utf-8", "replace"))
        tail = self._end()
        before = max(0, offset - (self.total - len(tail)))
        return len(self._start(tail)) + len(tail[:before].decode("utf-8", "replace"))

    def _end(self) -> bytes:
        return b"".join(self._tail)[-self._tail_room :]

    def _start(self, tail: bytes) -> str:
        """Return the text before the tail: the head, and what is said of a cut."""
        cut = self.total - len(self._head) - len(tail)
        text = self._head.decode("utf-8", "replace")
        if cut > 0:
            where = f"; the output is in {self.path}" if self.filed else ""
            text += f"\n[… {cut:,} of {self.total:,} bytes omitted here{where} …]\n"
        return text

    def _open_file(self) -> None:
        # Exclusive, and no link followed: the directory belongs to the foreign code, which could
        # otherwise point the name at a descriptor of ours in /proc.
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            self._file = os.open(self.path, flags, 0o600)
        except OSError:
            self._file = None

    def _to_file(self, data: bytes) -> None:
        if self._file is None or self.filed >= self._file_bytes:
            return
        try:
            self.filed += os.write(self._file, data[: self._file_bytes - self.filed])
        except OSError:
            # The disk of the session is full: the file holds what went in before.
            self._file_bytes = self.filed


class KeptFiles:
    """The files with the whole of what was cut: those of the last calls that had to cut."""

    def __init__(self) -> None:
        self._paths: list[list[str]] = []

    def keep(self, captures: list[Capture], others: list[str]) -> None:
        """Keep the files of a call, `others` too, and delete those of an older one."""
        paths = [*others, *(capture.path for capture in captures if capture.filed)]
        if paths:
            self._paths.append(paths)
        while len(self._paths) > FILES_KEPT:
            for path in self._paths.pop(0):
                try:
                    os.unlink(path)
                except OSError:
                    pass


def drain(fd: int, capture: Capture | None, most: int = 1 << 22) -> int:
    """Move what is waiting in the pipe to `capture`, at most about `most` bytes; return how much.

    `most` keeps an endless flood from holding off the deadline.
    """
    moved = 0
    while moved < most:
        try:
            data = os.read(fd, CHUNK)
        except (BlockingIOError, OSError):
            break
        if not data:
            break
        moved += len(data)
        if capture is not None:
            capture.add(data)
    return moved
