"""Every syntax error of a Python program: the compiler's, which is one, and those after it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from bellglass.sandboxes.runner.checking import fixes, ruff
from bellglass.sandboxes.runner.checking.places import Source
from bellglass.sandboxes.runner.checking.ruff import Report

_GOES_ON = re.compile(r"Expected `[,)\]}]`, found|Positional argument cannot follow keyword")
"""Said of the first word of a line, when a bracket above it is open."""


def others(first: list[dict[str, Any]], reports: Iterable[Report], source: Source) -> list[Any]:
    """Return the errors beside `first`: the compiler's, and what is never closed.

    A parser that goes on after an error may take offence at what only follows from it: of one
    line only the first error counts, and none that the line above explains.
    """
    found: list[Any] = []
    known = {error["line"] for error in first}
    explained = set(known)
    if any("unterminated triple" in error["message"] for error in first):
        return found  # the rest of the program is text
    for report in sorted(_errors(reports), key=lambda report: (report.line, report.column)):
        place = min(report.line, len(source.lines))
        while place > 1 and not source.lines[place - 1].strip():
            place -= 1  # said of the end of the file
        if place in known:
            continue
        explained.add(place)
        if _above(place, source) in explained and _follows(report):
            continue
        known.add(place)
        at_end = place != report.line
        column = len(source.lines[place - 1]) + 1 if at_end else report.column
        width = report.end_column - column if report.end_line == report.line else 1
        found.append(
            source.finding(
                place,
                column,
                _message(report.message, at_end),
                width,
                fix=fixes.fix(report.message, source.lines[place - 1]),
            )
        )
    return found


def _errors(reports: Iterable[Report]) -> Iterator[Report]:
    for report in reports:
        if report.code is None or report.code in ruff.AS_ERRORS:
            yield report


def _follows(report: Report) -> bool:
    first_word = report.column == 1 and _GOES_ON.match(report.message)
    return bool(first_word) or report.message.startswith(("Unexpected indentation", "unindent"))


def _above(line: int, source: Source) -> int:
    """Return the last line above `line` that is not empty."""
    line -= 1
    while line > 1 and not source.lines[line - 1].strip():
        line -= 1
    return line


def _message(message: str, at_end: bool) -> str:
    if at_end and "EOF" in message:
        return "the program ends within a bracket or a block"
    if _GOES_ON.match(message):
        return f"{message}: is a bracket above not closed?"
    return message.replace("`", "'")
