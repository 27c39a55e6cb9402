"""Parser of the stream that an engine attaches to a container. It does no I/O.

Each piece of output follows a header of 8 bytes: the number of its stream, three zeros, and its
length as a big-endian number of 32 bits (Docker Engine API, "Attach to a container").
"""

from __future__ import annotations

import struct

_HEADER = struct.Struct(">BxxxI")
_STDOUT, _STDERR = 1, 2

MAX_ERROR_BYTES = 4096
"""Bytes kept of the end of stderr: the supervisor writes there only when it cannot start."""


class DockerStreamError(Exception):
    """The data does not have the format of an engine's stream."""


class Frames:
    """Takes bytes in any chunks, and returns the bytes of stdout."""

    def __init__(self) -> None:
        self.errors = b""
        """The end of stderr."""
        self._pending = b""
        """Bytes that have arrived and were not parsed yet."""
        self._kind = 0
        self._left = 0
        """Bytes of the current piece that have not been returned yet."""

    def feed(self, data: bytes) -> None:
        """Add bytes. Called only when `take` has nothing left, so at most one read is held."""
        self._pending += data

    def take(self, most: int) -> bytes:
        """Return at most `most` bytes of stdout; return none if more data has to arrive first.

        Raises:
            DockerStreamError: The data is malformed.
        """
        while self._pending:
            if self._left == 0:
                if len(self._pending) < _HEADER.size:
                    return b""
                self._kind, self._left = _HEADER.unpack_from(self._pending)
                if self._kind not in (_STDOUT, _STDERR):
                    raise DockerStreamError
                self._pending = self._pending[_HEADER.size :]
                continue
            size = min(self._left, most) if self._kind == _STDOUT else self._left
            piece, self._pending = self._pending[:size], self._pending[size:]
            self._left -= len(piece)
            if self._kind == _STDOUT:
                return piece
            self.errors = (self.errors + piece)[-MAX_ERROR_BYTES:]
        return b""
