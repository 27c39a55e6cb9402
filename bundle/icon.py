"""Draw the icon of the server as a PNG: the dome of `server/app.py`, by its distance from lines."""

import math
import struct
import zlib

SIZE = 512
UNITS = 24
"""The icon is drawn on a square of so many units, as the SVG is."""

COLOUR = bytes((0x2A, 0x7F, 0x8E))
HALF_STROKE = 0.9
RADIUS = 7.0


def png(size: int = SIZE) -> bytes:
    """Return the picture, transparent where no line is."""
    rows = bytearray()
    for row in range(size):
        rows.append(0)  # no filter
        y = (row + 0.5) * UNITS / size
        for column in range(size):
            distance = _distance((column + 0.5) * UNITS / size, y)
            covered = (HALF_STROKE - distance) * size / UNITS + 0.5
            rows += COLOUR + bytes((round(255 * min(1.0, max(0.0, covered))),))
    header = struct.pack(">IIBBBBB", size, size, 8, 6, 0, 0, 0)
    parts = ((b"IHDR", header), (b"IDAT", zlib.compress(bytes(rows), 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, data) for kind, data in parts)


def _distance(x: float, y: float) -> float:
    """Return how far a point is from the middle of the nearest line."""
    knob = abs(math.hypot(x - 12, y - 2.5) - 1)
    table = math.hypot(x - min(21.0, max(3.0, x)), y - 19)
    if y < 11:
        glass = abs(math.hypot(x - 12, y - 11) - RADIUS)
    else:
        glass = math.hypot(abs(x - 12) - RADIUS, y - min(19.0, y))
    return min(knob, table, glass)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
