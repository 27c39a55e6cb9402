"""Encoding of frames between the server and the supervisor. No I/O here.

A frame is a 4-byte big-endian length, and that many bytes of JSON. `schema` types its contents.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

HEADER_BYTES = 4

MAX_REQUEST_BYTES = 64 * 1024**2
"""Bytes of one frame from the server: a file of 40 MB in base64."""

MAX_FRAME_BYTES = 16 * 1024**2
"""Bytes of one frame from the supervisor: its own bounds add up to less than half of this."""

STREAM_INTERVAL_SECONDS = 0.25
"""Between two frames of output, and before the first: a short call sends only its reply."""

MAX_DIGITS = 19
"""Digits of an integer from outside: every count and every limit of ours has at most as many."""


class Oversized(ValueError):
    """A frame is longer than its sender may make it."""


def encode(message: Mapping[str, object]) -> bytes:
    """Return `message` as a frame.

    Raises:
        TypeError, ValueError, RecursionError: It cannot be serialized as JSON.
    """
    body = _ENCODER.encode(message).encode()
    return len(body).to_bytes(HEADER_BYTES, "big") + body


def body_bytes(header: bytes | bytearray, most: int) -> int:
    """Return the length of the body after `header`.

    Raises:
        Oversized: It would be longer than `most`.
    """
    size = int.from_bytes(header, "big")
    if size > most:
        raise Oversized
    return size


def loads(data: bytes | bytearray) -> Any:
    """Parse JSON from an untrusted sender; numbers that are not finite, or too large, become None.

    Raises:
        ValueError: It is not JSON.
        RecursionError: It is nested too deeply.
    """
    return _DECODER.decode(data.decode("utf-8", "surrogatepass"))


def _no_number(_: str) -> None:
    return None


def _finite_float(text: str) -> float | None:
    number = float(text)
    return number if math.isfinite(number) else None


def _bounded_int(text: str) -> int | None:
    return int(text) if len(text.lstrip("-")) <= MAX_DIGITS else None


_ENCODER = json.JSONEncoder(separators=(",", ":"))

_DECODER = json.JSONDecoder(
    parse_constant=_no_number, parse_float=_finite_float, parse_int=_bounded_int
)
