"""Where in a text the lines begin that are no part of a string, a bracket or the line before."""

from __future__ import annotations

from collections.abc import Callable

_QUOTES = ("'''", '"""', "'", '"')


class Scanner:
    """Follows a program line by line. It need not be right Python, and is not executed."""

    def __init__(self) -> None:
        self._quote = ""
        """What ends the string that is open."""
        self._depth = 0
        """Open brackets."""
        self._continued = False

    @property
    def at_start(self) -> bool:
        """Whether the next line begins a logical line."""
        return not (self._quote or self._depth or self._continued)

    def take(self, line: str) -> None:
        """Go on past `line`, which has no line end."""
        at = 0
        self._continued = False
        while at < len(line):
            if self._quote:
                at = self._in_string(line, at)
                continue
            sign = line[at]
            if sign == "#":
                return
            quote = next((mark for mark in _QUOTES if line.startswith(mark, at)), "")
            if quote:
                self._quote = quote
                at += len(quote)
                continue
            if sign in "([{":
                self._depth += 1
            elif sign in ")]}":
                self._depth = max(0, self._depth - 1)
            elif sign == "\\" and at == len(line) - 1:
                self._continued = True
            at += 1
        if len(self._quote) == 1 and not line.endswith("\\"):
            self._quote = ""  # an error; what follows is not part of the string

    def _in_string(self, line: str, at: int) -> int:
        end = line.find(self._quote, at)
        escape = line.find("\\", at)
        if escape >= 0 and (end < 0 or escape < end):
            return escape + 2
        if end < 0:
            return len(line)
        at = end + len(self._quote)
        self._quote = ""
        return at


def rewritten(code: str, rewrite: Callable[[list[str], int], tuple[list[str], int] | None]) -> str:
    """Return `code` with some logical lines put in other words.

    `rewrite` is asked about each line that begins one, given all lines and its place: it returns
    the new lines, and how many of the old ones they stand for.
    """
    lines = code.split("\n")
    scanner = Scanner()
    result: list[str] = []
    at = 0
    while at < len(lines):
        found = rewrite(lines, at) if scanner.at_start else None
        if found is None:
            scanner.take(lines[at])
            result.append(lines[at])
            at += 1
            continue
        new, count = found
        # The lines that follow keep their numbers.
        result += [*new, *[""] * (count - len(new))]
        at += count
    return "\n".join(result)
