"""The bytes of an archive: a stream of pieces, each compressed if that makes it much smaller."""

from __future__ import annotations

import zlib
from collections.abc import Callable

PIECE_BYTES = 1 << 20
SAMPLE_BYTES = 16 * 1024

HEADER_BYTES = 5
"""A byte that says if the piece is compressed, and its length."""

STORED, COMPRESSED = b"s", b"z"


class Writer:
    """Takes the archive as a file does, and writes it in pieces."""

    def __init__(self, write: Callable[[bytes], object]) -> None:
        self.written = 0
        """Bytes of the archive so far, before compression."""
        self._write = write
        self._buffer = bytearray()

    def write(self, data: bytes) -> int:
        self._buffer += data
        self.written += len(data)
        while len(self._buffer) >= PIECE_BYTES:
            self._put(bytes(self._buffer[:PIECE_BYTES]))
            del self._buffer[:PIECE_BYTES]
        return len(data)

    def tell(self) -> int:
        return self.written

    def flush(self) -> None:
        pass

    def finish(self) -> None:
        """Write the rest, and an empty piece for the end."""
        if self._buffer:
            self._put(bytes(self._buffer))
        self._put(b"")

    def _put(self, piece: bytes) -> None:
        kind = STORED
        # Numbers hardly get smaller, and trying it takes longer than writing them.
        if len(zlib.compress(piece[:SAMPLE_BYTES], 1)) < 0.7 * len(piece[:SAMPLE_BYTES]):
            kind, piece = COMPRESSED, zlib.compress(piece, 1)
        self._write(kind + len(piece).to_bytes(4, "big"))
        self._write(piece)


class Reader:
    """Reads an archive; `read_exactly` returns that many bytes of the stream."""

    def __init__(self, read_exactly: Callable[[int], bytes]) -> None:
        self._read_exactly = read_exactly
        self._buffer = bytearray()
        self._at_end = False

    def read(self, size: int) -> bytes:
        while len(self._buffer) < size and not self._at_end:
            self._take()
        data = bytes(self._buffer[:size])
        del self._buffer[:size]
        return data

    def drain(self) -> None:
        """Read to the end: what writes must not wait for what nobody needs."""
        while not self._at_end:
            self._take()

    def _take(self) -> None:
        header = self._read_exactly(HEADER_BYTES)
        piece = self._read_exactly(int.from_bytes(header[1:], "big"))
        if header[:1] == COMPRESSED:
            piece = zlib.decompress(piece)
        self._at_end = not piece
        self._buffer += piece
