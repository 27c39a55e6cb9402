"""Lines of JSON from a client that may send anything. No I/O here."""

import json
import math
import re
from collections.abc import Iterator
from typing import NamedTuple

MAX_LINE_BYTES = 16 * 1024**2
"""Twice the size of the longest argument if each of its characters is sent as an escape."""

ODD_ID = "The id of a request must be a string or an integer"

_ESCAPE = re.compile(
    # a surrogate pair is one character
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
    rb"|(?P<lone>u[dD][89a-fA-F][0-9a-fA-F]{2})"
    rb"|.)",
    re.DOTALL,
)

_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*"|[{}\[\]]', re.DOTALL)
_ID = rb'\s*:\s*("[^"\\]{0,100}"|-?\d{1,15})'
_ID_VALUE = re.compile(_ID + rb"\s*[,}]")
_ID_AT_END = re.compile(rb'[{,]\s*"id"' + _ID + rb"\s*}\s*$")
_MAX_SEARCHED_BYTES = 64 * 1024
_SOME_ODD_ID = re.compile(rb'(?<!\\)"id"\s*:\s*(?:[^"\s\d-]|-?\d+[.eE])')


class Line(NamedTuple):
    """One line without its newline, or the start of it if it was too long."""

    data: bytes
    too_long: bool = False


class LineBuffer:
    """Cuts chunks into lines, and holds no more than one line of bounded length."""

    def __init__(self, limit: int = MAX_LINE_BYTES) -> None:
        self._limit = limit
        self._parts: list[bytes] = []
        self._size = 0

    def feed(self, chunk: bytes) -> Iterator[Line]:
        """Take a chunk and yield the lines that it completes."""
        *ended, rest = chunk.split(b"\n")
        for piece in ended:
            self._add(piece)
            yield self._take()
        if rest:
            self._add(rest)

    def end(self) -> Iterator[Line]:
        """Yield what follows the last newline."""
        if self._parts:
            yield self._take()

    def _add(self, piece: bytes) -> None:
        if self._size <= self._limit:
            self._parts.append(piece)
        self._size += len(piece)

    def _take(self) -> Line:
        data, too_long = b"".join(self._parts), self._size > self._limit
        self._parts, self._size = [], 0
        return Line(data[:_MAX_SEARCHED_BYTES], True) if too_long else Line(data)


def repair(line: bytes) -> bytes:
    """Return `line` as valid UTF-8, with lone surrogates, escaped or not, replaced by U+FFFD."""
    if not line.isascii():
        line = line.decode("utf-8", "replace").encode()
    if b"\\ud" in line or b"\\uD" in line:
        line = _ESCAPE.sub(lambda match: rb"\ufffd" if match["lone"] else match[0], line)
    return line


def find_id(line: bytes) -> str | int | None:
    """Return the id of a request that cannot be parsed, if it can be found.

    Clients write it as one of the first members, or as the last.
    """
    depth = 0
    head = line[:_MAX_SEARCHED_BYTES]
    for token in _TOKEN.finditer(head):
        match token[0]:
            case b"{" | b"[":
                depth += 1
            case b"}" | b"]":
                depth -= 1
            case b'"id"' if depth == 1:
                if value := _ID_VALUE.match(head, token.end()):
                    return _scalar(value[1])
    value = _ID_AT_END.search(line[-1024:])
    return _scalar(value[1]) if value else None


class OddId(NamedTuple):
    """The id of a request if it is neither a string nor an integer."""

    value: float | None
    """The number, which the answer has to repeat; None if it is not a number."""


def find_odd_id(message: bytes) -> OddId | None:
    """Return the id of a request that the SDK would take for a notification, and never answer."""
    if not _SOME_ODD_ID.search(message):
        return None
    try:
        data = json.loads(message)
    except (ValueError, RecursionError):
        return None
    if not isinstance(data, dict) or "method" not in data or "id" not in data:
        return None
    match data["id"]:
        case bool():
            return OddId(None)
        case str() | int():
            return None
        case float() as number if math.isfinite(number):
            return OddId(number)
        case _:
            return OddId(None)


def _scalar(text: bytes) -> str | int | None:
    try:
        value = json.loads(text)
    except ValueError:
        return None
    return value if isinstance(value, str | int) else None
