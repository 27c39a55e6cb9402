"""What an engine sends on an attached stream, taken apart. No I/O here.

Each piece of output comes behind 8 bytes: which stream it is of, three zeros, and its length as a
big-endian number of 32 bits (Docker Engine API, "Attach to a container", stream format).
"""

from __future__ import annotations

import struct

_HEADER = struct.Struct(">BxxxI")
_STDOUT, _STDERR = 1, 2

ERROR_BYTES = 4096
"""Of stderr that is kept, its end: the runner writes there only when it cannot start."""


class DockerStreamError(Exception):
    """It is no stream of an engine."""


class Frames:
    """Bytes in as they arrive, however they are cut; the bytes of stdout out."""

    def __init__(self) -> None:
        self.errors = b""
        """The end of what came on stderr."""
        self._pending = b""
        """What has arrived and was not looked at."""
        self._kind = 0
        self._left = 0
        """Bytes that are to come of the piece at hand."""

    def feed(self, data: bytes) -> None:
        """Add what arrived. Only when `take` has nothing left: so no more is held than one read."""
        self._pending += data

    def take(self, most: int) -> bytes:
        """Return bytes of stdout, `most` at most; none if more has to arrive first.

        Raises:
            Malformed: What arrived has no such form.
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
            self.errors = (self.errors + piece)[-ERROR_BYTES:]
        return b""
