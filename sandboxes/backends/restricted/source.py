"""Rewrite code so that the value of its last expression stays in the interpreter.

The value is then requested as text. Monty would otherwise rebuild the value in the server, at
whatever size the code likes.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass

MAX_PARSED_CHARACTERS = 20_000
"""Code of at most so many characters is rewritten. The server parses it itself, in 20 ms."""

MAX_VALUE_CHARACTERS = 8_000

NAME = "_"
"""Holds the last value, as in an interactive Python."""

OPENING = f"{NAME} = ("

# A conversion and a format: code can redefine `repr` and `str`, but not these.
SHOW = f'None if {NAME} is None else f"{{{NAME}!r:.{MAX_VALUE_CHARACTERS + 1}}}"'


@dataclass(frozen=True, slots=True)
class Source:
    """Rewritten code, and where we inserted text."""

    text: str
    shows: bool = False
    """Whether its last expression has a value to request."""
    line: int = 0
    column: int = 0
    """Position at which OPENING was inserted; columns count characters from 1."""

    def column_of(self, line: int, column: int) -> int:
        """Return the column in the original code of a position in `text`."""
        return column - len(OPENING) if line == self.line and column > self.column else column


def fed(code: str) -> Source:
    """Return `code`, rewritten so that it returns no value."""
    plain = Source(f"{code}\nNone")
    if len(code) > MAX_PARSED_CHARACTERS or code.rstrip().endswith(";"):
        return plain
    try:
        body = ast.parse(code).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return plain  # Monty reports the error, or knows syntax that this Python does not
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
