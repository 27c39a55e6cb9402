"""Source lines of the code that ran, and the syntax nodes at the place of an error."""

from __future__ import annotations

import ast
import linecache
import os
import stat
from itertools import islice

MAX_SOURCE_BYTES = 400_000
"""Bytes of a file that is read, and of a text that is parsed."""

MAX_NODES = 400
"""Syntax nodes of one line that are examined."""

MAX_LINE_CHARACTERS = 160
"""Characters of a line that are shown."""

Span = tuple[int, int, int, int]
"""First line, last line, first column, last column (in characters), as `co_positions` has it."""

STDLIB = os.path.dirname(os.__file__) + os.sep

_parse = ast.parse


def is_own(file: str) -> bool:
    """Tell if the code of that file is the user's: given in a call, or a file of the project."""
    if file.startswith("<"):
        return file.startswith("<call ")
    if not os.path.isabs(file):
        return False  # compiled libraries name their source like this
    foreign = ("site-packages" + os.sep, "dist-packages" + os.sep)
    return not file.startswith(STDLIB) and not any(part in file for part in foreign)


def lines_of(file: str) -> list[str]:
    """Return the lines of given code, or of a file of modest size.

    Code can name any file as its own, such as a device that never ends.
    """
    known = linecache.cache.get(file)
    if known is not None and len(known) == 4:
        return known[2]
    try:
        fd = os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, ValueError):
        return []
    try:
        found = os.fstat(fd)
        if not stat.S_ISREG(found.st_mode) or found.st_size > MAX_SOURCE_BYTES:
            return []
        return os.read(fd, MAX_SOURCE_BYTES).decode("utf-8", "replace").splitlines(keepends=True)
    except OSError:
        return []
    finally:
        os.close(fd)


def around(lines: list[str], line: int, span: Span | None = None) -> str:
    """Return a line and the one before it, numbered, with a mark under `span`.

    The line after it is left out: it has not run, and its text could be mistaken for output.
    """
    if not 1 <= line <= len(lines):
        return ""
    width = len(str(line))
    shown = []
    for number in range(max(1, line - 1), line + 1):
        text = _expanded(lines[number - 1])
        sign = ">" if number == line else " "
        if text.strip() or number == line:
            shown.append(f"{sign} {number:>{width}} | {_cut(text)}".rstrip())
        if number == line and (mark := _mark(lines[line - 1], span)):
            shown.append(f"  {' ' * width} | {mark}")
    return "\n".join(shown)


def _mark(text: str, span: Span | None) -> str:
    """Return carets under what failed, or nothing if that is the whole line."""
    if span is None:
        return ""
    first, last, start, end = span
    stop = end if last == first else len(text.rstrip())
    body = text.strip()
    if text[start:stop].strip() in ("", body) or stop > MAX_LINE_CHARACTERS:
        return ""
    before = len(text[:start].expandtabs(4))
    return " " * before + "^" * (len(text[:stop].expandtabs(4)) - before)


def _expanded(text: str) -> str:
    return text.rstrip().expandtabs(4) if text.strip() else ""


def _cut(text: str) -> str:
    return text if len(text) <= MAX_LINE_CHARACTERS else f"{text[:MAX_LINE_CHARACTERS]} …"


def span_in(lines: list[str], positions: tuple[int | None, ...]) -> Span | None:
    """Return a span in characters from positions in bytes, if they are complete."""
    first, last, start, end = positions
    if first is None or last is None or start is None or end is None:
        return None
    if not 1 <= first <= last <= len(lines):
        return None
    return first, last, _characters(lines[first - 1], start), _characters(lines[last - 1], end)


def _characters(line: str, at: int) -> int:
    return len(line.encode("utf-8", "replace")[:at].decode("utf-8", "ignore"))


def nodes_at(lines: list[str], line: int, span: Span | None) -> list[ast.AST]:
    """Return the syntax nodes of a line, beginning with those that failed."""
    if sum(map(len, lines)) > MAX_SOURCE_BYTES:
        return []
    try:
        tree = _parse("".join(lines), mode="exec")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []
    last = max(line, min(span[1], line + 5) if span else line)
    found = (node for node in ast.walk(tree) if line <= getattr(node, "lineno", 0) <= last)
    on_line = list(islice(found, MAX_NODES))
    if span is None:
        return on_line
    # The sort is stable: nodes that compare equal keep their order.
    return sorted(on_line, key=lambda node: not _within(lines, node, span))


def _within(lines: list[str], node: ast.AST, span: Span) -> bool:
    first, last = getattr(node, "lineno", 0), getattr(node, "end_lineno", 0) or 0
    if not (1 <= first <= last <= len(lines)):
        return False
    start = _characters(lines[first - 1], getattr(node, "col_offset", 0))
    end = _characters(lines[last - 1], getattr(node, "end_col_offset", 0) or 0)
    return (first, start) >= (span[0], span[2]) and (last, end) <= (span[1], span[3])
