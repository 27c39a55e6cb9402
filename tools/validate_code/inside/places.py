"""Positions in a text, shown with their source lines."""

from __future__ import annotations

import re
from typing import Any

MAX_LINE_CHARACTERS = 160
"""Characters of a line that are shown."""

MAX_MESSAGE_CHARACTERS = 1_000


class Source:
    """A program text by lines. The first line and the first column have the number 1."""

    def __init__(self, code: str) -> None:
        # As the compiler does: str.splitlines would also split at form feeds and others.
        self.lines = re.split("\r\n|\r|\n", code)

    def finding(
        self,
        line: int | None,
        column: int | None,
        message: str,
        width: int = 1,
        *,
        fix: str | None = None,
    ) -> dict[str, Any]:
        """Return `message` with its line, the source line with a caret under it, and the fix."""
        said: dict[str, Any] = {
            "message": message[:MAX_MESSAGE_CHARACTERS],
            "fix": fix and fix[:MAX_MESSAGE_CHARACTERS],
        }
        if line is None or not 1 <= line <= len(self.lines):
            return {"line": None, "column": None, "source": None, **said}
        text = self.lines[line - 1]
        if column is not None:
            column = max(1, min(column, len(text) + 1))
        return {
            "line": line,
            "column": column,
            **said,
            "source": _shown(text, column, width),
        }

    def column(self, line: int, offset: int) -> int:
        """Return the column `offset` bytes into the line, which is how a syntax tree counts."""
        if not 1 <= line <= len(self.lines):
            return 1
        before = self.lines[line - 1][:offset].encode("utf-8", "replace")[:offset]
        return len(before.decode("utf-8", "ignore")) + 1

    def last_before(self, line: int) -> int:
        """Return the last line above `line` that is not empty, or 1."""
        line = min(line - 1, len(self.lines))
        while line > 1 and not self.lines[line - 1].strip():
            line -= 1
        return max(1, line)

    def at(self, offset: int) -> tuple[int, int]:
        """Return line and column of the character at `offset` of a text with Unix line ends."""
        for number, line in enumerate(self.lines, 1):
            if offset <= len(line):
                return number, offset + 1
            offset -= len(line) + 1
        return len(self.lines), 1


def _shown(text: str, column: int | None, width: int) -> str:
    start = 0
    if column is not None and column > MAX_LINE_CHARACTERS * 3 // 4:
        start = column - MAX_LINE_CHARACTERS // 2
    shown = text[start : start + MAX_LINE_CHARACTERS]
    if column is not None:
        before = re.sub("[^\t]", " ", text[start : column - 1])
        caret = "^" * max(1, min(width, len(shown) - len(before)))
        if start:
            before = " " * 2 + before
        more = start + MAX_LINE_CHARACTERS < len(text)
        shown = f"{'… ' if start else ''}{shown}{' …' if more else ''}"
        return f"{shown}\n{before}{caret}"
    return shown + (" …" if len(text) > MAX_LINE_CHARACTERS else "")
