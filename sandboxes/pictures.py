"""Validation of pictures from a sandbox: a broken one must not reach a client.

The API of a model refuses a conversation that contains a broken picture, at every later turn.
"""

from __future__ import annotations

import zlib

PNG = b"\x89PNG\r\n\x1a\n"
JPEG = b"\xff\xd8"

MAX_EDGE_PIXELS = 2_000
"""Pixels of the longer side. Ours have at most 1568; a small file can hold a huge picture."""

_NO_SIZE = (0xC4, 0xC8, 0xCC)
"""JPEG segments whose numbers lie among those of frames."""


def checked(data: bytes, kind: object) -> tuple[int, int]:
    """Return width and height of a valid picture.

    Raises:
        ValueError: It is invalid, or too large.
    """
    try:
        width, height = _png(data) if kind == "image/png" else _jpeg(data)
    except IndexError:
        raise ValueError("the picture is cut off") from None
    if not (0 < width <= MAX_EDGE_PIXELS and 0 < height <= MAX_EDGE_PIXELS):
        raise ValueError(f"the picture has {width} x {height} pixels")
    return width, height


def _png(data: bytes) -> tuple[int, int]:
    """Check the chunks: https://www.w3.org/TR/png-3/#5Chunk-layout."""
    if not data.startswith(PNG) or data[12:16] != b"IHDR":
        raise ValueError("no PNG")
    at, image = len(PNG), False
    while at < len(data):
        length, name = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
        end = at + 8 + length
        if int.from_bytes(data[end : end + 4], "big") != zlib.crc32(data[at + 4 : end]):
            raise ValueError("a chunk of the PNG is broken")
        image = image or name == b"IDAT"
        at = end + 4
        if name == b"IEND":
            break
    else:
        raise ValueError("the PNG has no end")
    if not image or at != len(data):
        raise ValueError("the PNG has no picture in it, or something after it")
    return int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big")


def _jpeg(data: bytes) -> tuple[int, int]:
    """Check the segments up to the picture data: ITU-T T.81, annex B."""
    if not data.startswith(JPEG) or not data.endswith(b"\xff\xd9"):
        raise ValueError("no JPEG, or not all of it")
    at, size = 2, (0, 0)
    while True:
        if data[at] != 0xFF:
            raise ValueError("a segment of the JPEG is broken")
        marker, length = data[at + 1], int.from_bytes(data[at + 2 : at + 4], "big")
        if length < 2:
            raise ValueError("a segment of the JPEG is broken")
        if 0xC0 <= marker <= 0xCF and marker not in _NO_SIZE:
            height, width = data[at + 5 : at + 7], data[at + 7 : at + 9]
            size = int.from_bytes(width, "big"), int.from_bytes(height, "big")
        if marker == 0xDA:  # start of scan
            return size
        at += 2 + length
