"""Output as a terminal would finally show it, for a model to read.

A progress bar that was redrawn a thousand times becomes its last state, colours and links are
removed, and repeated lines are counted. Other text without control characters is unchanged. Lines
have any width: what a terminal would wrap is one line of the program.
"""

from __future__ import annotations

import re

MAX_CONTROLS = 5_000
"""Above this size sequences are only removed, since this blocks the event loop."""

MAX_COLUMN = 500
"""The farthest position to which a sequence can move the cursor."""

MIN_REPEATS = 5
MIN_REPEATED_CHARACTERS = 300
"""Repeated lines are counted if at least this many would be left out."""

MAX_PERIOD_LINES = 4
"""Lines of a block that may be repeated as a whole."""

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")

_TOKEN = re.compile(
    r"(?P<text>[^\x00-\x08\x0a-\x1f\x7f-\x9f]+)"
    r"|(?:\x1b\[|\x9b)(?P<codes>[0-?]{0,100})[ -/]{0,10}(?P<final>[@-~])"
    # Titles, links and other strings with a terminator; without one, only their start is removed.
    r"|(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])[^\x00-\x1f\x7f-\x9f]{0,8000}(?:\x07|\x1b\\|\x9c)"
    r"|\x1b[ -/]{0,10}(?P<short>[0-~]?)"
    r"|(?P<control>[\x00-\x1f\x7f-\x9f])"
)

_NEW_LINES = "\n\x0b\x0c\x85"
_SILENT = "\x00\x07\x0e\x0f\x7f"

_ALTERNATE = ("?47", "?1047", "?1049")
"""The alternate screen of editors and pagers, whose contents are gone when it is left."""


def as_shown(text: str) -> str:
    """Return `text` as it would stand on a terminal after all of it was written."""
    controls = len(_CONTROL.findall(text))
    if not controls:
        return text
    if controls > MAX_CONTROLS:
        return _TOKEN.sub(lambda token: token["text"] or _plain(token["control"]), text)
    screen = _Screen(len(text))
    for token in _TOKEN.finditer(text):
        if token["text"]:
            screen.write(token["text"])
        elif token["final"]:
            screen.sequence(token["final"], token["codes"])
        elif token["short"]:
            screen.short(token["short"])
        elif token["control"]:
            screen.control(token["control"])
    return screen.text()


def one_line(text: str) -> str:
    """Return `text` on one line, with control characters escaped as in code."""
    return _CONTROL.sub(lambda found: _plain(found[0]), " ".join(text.splitlines()))


def counted(text: str) -> str:
    """Return `text` with repeated lines, or blocks of lines, counted."""
    if len(text) < MIN_REPEATED_CHARACTERS:
        return text
    lines = text.split("\n")
    # Rows of numbers are kept: they are data.
    prose = [any(map(str.isalpha, line)) for line in lines]
    runs = [_runs(lines, period) for period in range(1, MAX_PERIOD_LINES + 1)]
    kept: list[str] = []
    at = 0
    while at < len(lines):
        for period, run in enumerate(runs, 1):
            repeats = run[at] // period
            if repeats < MIN_REPEATS or not any(prose[at : at + period]):
                continue
            block = lines[at : at + period]
            if repeats * sum(len(line) + 1 for line in block) >= MIN_REPEATED_CHARACTERS:
                what = "" if period == 1 else f"the last {period} lines "
                kept += [*block, f"[… {what}repeated {repeats:,} more times …]"]
                at += period * (repeats + 1)
                break
        else:
            kept.append(lines[at])
            at += 1
    return "\n".join(kept)


def _runs(lines: list[str], period: int) -> list[int]:
    """Return for each line how many lines in a row equal those `period` lines later."""
    runs = [0] * len(lines)
    for at in range(len(lines) - period - 1, -1, -1):
        if lines[at] == lines[at + period]:
            runs[at] = runs[at + 1] + 1
    return runs


def _plain(control: str | None) -> str:
    """Return the escape of a control character."""
    if not control or control in _SILENT:
        return ""
    return "\n" if control in _NEW_LINES or control == "\r" else f"\\x{ord(control):02x}"


class _Screen:
    """Lines of any width, and a cursor. The work is bounded by the length of the text."""

    def __init__(self, length: int) -> None:
        self._room = length + 1_000
        """Blanks that may be inserted to move or erase, and characters that may be copied."""
        self._lines: list[list[str]] = [[]]
        self._drawn: set[int] = set()
        """Lines that were overwritten, whose trailing blanks are left-overs."""
        self._row = self._column = self._top = 0
        self._saved = (0, 0)
        self._cleared = False
        self._below: list[list[str]] | None = None
        """The lines of the main screen while the alternate one is shown."""

    def text(self) -> str:
        self._leave_alternate(keep=True)
        shown = ("".join(line) for line in self._lines)
        return "\n".join(
            line.rstrip(" ") if row in self._drawn else line for row, line in enumerate(shown)
        )

    def write(self, text: str) -> None:
        line = self._lines[self._row]
        if self._column > len(line):
            if self._spend(self._column - len(line)):
                line += " " * (self._column - len(line))
            self._column = min(self._column, len(line))
        line[self._column : self._column + len(text)] = text
        self._column += len(text)

    def control(self, control: str) -> None:
        if control in _NEW_LINES:
            self._move(self._row + 1, 0, grow=True)
        elif control == "\r":
            self._move(self._row, 0)
        elif control == "\b":
            self._move(self._row, self._column - 1)
        else:
            self.write(_plain(control))

    def short(self, final: str) -> None:
        if final == "7":
            self._saved = (self._row, self._column)
        elif final == "8":
            self._move(*self._saved)
        elif final == "M":
            self._move(self._row - 1, self._column)
        elif final == "c":
            self._clear()

    def sequence(self, final: str, codes: str) -> None:
        first, _, second = codes.partition(";")
        number = int(first) if first.isdecimal() and len(first) < 6 else 0
        other = int(second) if second.isdecimal() and len(second) < 6 else 0
        step = max(number, 1)
        match final:
            case "A" | "F":
                self._move(self._row - step, 0 if final == "F" else self._column)
            case "B" | "E":
                self._move(self._row + step, 0 if final == "E" else self._column)
            case "C":
                self._move(self._row, self._column + step)
            case "D":
                self._move(self._row, self._column - step)
            case "G":
                self._move(self._row, step - 1)
            case "H" | "f":
                self._move(self._top + step - 1, max(other, 1) - 1, grow=True)
            case "K":
                self._erase_line(number)
            case "J" if number >= 2:
                self._clear()
            case "J" if number == 0:
                self._erase_line(0)
                del self._lines[self._row + 1 :]
            case "s" if not codes:
                self._saved = (self._row, self._column)
            case "u" if not codes:
                self._move(*self._saved)
            case "h" if codes in _ALTERNATE and self._below is None:
                self._below, self._lines = self._lines, [[]]
                self._row = self._column = self._top = 0
            case "l" if codes in _ALTERNATE:
                self._leave_alternate(keep=False)

    def _move(self, row: int, column: int, *, grow: bool = False) -> None:
        row = max(self._top, row)
        while grow and row >= len(self._lines) and self._spend(1):
            self._lines.append([])
        self._row = min(row, len(self._lines) - 1)
        inside = max(self._column, len(self._lines[self._row]), MAX_COLUMN)
        self._column = max(0, min(column, inside))
        if self._column < len(self._lines[self._row]):
            self._drawn.add(self._row)

    def _erase_line(self, what: int) -> None:
        line = self._lines[self._row]
        self._drawn.add(self._row)
        if what == 0:
            del line[self._column :]
        elif what == 2:
            line.clear()
        elif self._spend(min(self._column, len(line))):
            line[: self._column] = " " * min(self._column, len(line))

    def _clear(self) -> None:
        """Start a new screen: it replaces the last one, but keeps what was before any."""
        if not self._cleared and self._lines[-1]:
            self._lines.append([])
        if not self._cleared:
            self._top = len(self._lines) - 1
        self._cleared = True
        self._lines[self._top :] = [[]]
        self._row, self._column = self._top, 0

    def _leave_alternate(self, *, keep: bool) -> None:
        if self._below is None:
            return
        self._lines = self._below + (self._lines if keep else [])
        self._below = None
        self._top, self._cleared = 0, False
        self._row, self._column = len(self._lines) - 1, len(self._lines[-1])

    def _spend(self, characters: int) -> bool:
        self._room -= characters
        return self._room >= 0
