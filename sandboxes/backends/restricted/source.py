"""Code as it is fed: the value of its last expression stays inside, and is asked for as text.

Handed over as it is, a value would be made anew in the server, at whatever size the code likes.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass

PARSED = 20_000
"""Characters of code whose last expression is looked for. The server parses it itself, in 20 ms."""

VALUE_CHARACTERS = 8_000

NAME = "_"
"""Holds the last value, as in an interactive Python."""

OPENING = f"{NAME} = ("

# A conversion and a format, which code cannot redefine as it can `repr` and `str`.
SHOW = f'None if {NAME} is None else f"{{{NAME}!r:.{VALUE_CHARACTERS + 1}}}"'


@dataclass(frozen=True, slots=True)
class Source:
    """What is fed for a piece of code, and what of it was put in by us."""

    text: str
    shows: bool = False
    """Its last expression has a value to be asked for."""
    line: int = 0
    column: int = 0
    """Where OPENING was put in, the column counted in characters from 1 on."""

    def column_of(self, line: int, column: int) -> int:
        """Return where in the code as given a place of `text` is."""
        return column - len(OPENING) if line == self.line and column > self.column else column


def fed(code: str) -> Source:
    """Return `code` so that it hands over nothing."""
    plain = Source(f"{code}\nNone")
    if len(code) > PARSED or code.rstrip().endswith(";"):
        return plain
    try:
        body = ast.parse(code).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return plain  # Monty says what is wrong, and may know syntax that this Python does not
    if not body or not isinstance(last := body[-1], ast.Expr):
        return plain
    lines = code.encode().splitlines(keepends=True)
    assert last.end_lineno is not None
    assert last.end_col_offset is not None
    start = sum(map(len, lines[: last.lineno - 1])) + last.col_offset
    end = sum(map(len, lines[: last.end_lineno - 1])) + last.end_col_offset
    data = code.encode()
    column = len(lines[last.lineno - 1][: last.col_offset].decode()) + 1
    text = b"".join((data[:start], OPENING.encode(), data[start:end], b")", data[end:], b"\nNone"))
    return Source(text.decode(), True, last.lineno, column)
