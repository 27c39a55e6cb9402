"""Find the lines of a program that begin within a string or a here-document, in one pass.

The text may not be a program, and may be built to take long. So each line costs one match of a
pattern without backtracking (possessive), and a possible end of a string further down is looked up,
not searched for again.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bellglass.tools.results import Language

MAX_HERE_DOCUMENTS = 20
"""Here-documents of one line that are followed."""

_DOUBLE = r'"(?:[^"\\]|\\.)*+"'
_PYTHON_PLAIN = re.compile(
    r'(?:[^"\'#]'
    r'|"""(?:[^"\\]|\\.|"(?!""))*+"""'
    r"|'''(?:[^'\\]|\\.|'(?!''))*+'''"
    rf'|(?!""")(?:{_DOUBLE})'
    r"|(?!''')'(?:[^'\\]|\\.)*+')*+"
)
_PYTHON_ENDS = {
    '"""': re.compile(r'(?:[^"\\]|\\.|"(?!""))*+"""'),
    "'''": re.compile(r"(?:[^'\\]|\\.|'(?!''))*+'''"),
    '"': re.compile(r'(?:[^"\\]|\\.)*+"'),
    "'": re.compile(r"(?:[^'\\]|\\.)*+'"),
}

_BASH_PLAIN = re.compile(
    r"(?:[^'\"\\#<]"
    r"|\\.?"
    r"|\$'(?:[^'\\]|\\.)*+'"
    r"|(?<=[A-Za-z])'(?=(?:s|t|re|ll|ve|d|m)\b)"  # as in "isn't", which is part of a sentence
    r"|'[^']*+'"
    rf"|{_DOUBLE}"
    r"|(?<![\s;&|(])(?<!^)\#"
    r"|<<<|<(?!<)|<<(?!-?[ \t]*+['\"]?\\?[A-Za-z_]))*+"
)
_BASH_ENDS = {"'": re.compile(r"[^']*+'"), '"': _PYTHON_ENDS['"']}
_HERE = re.compile(
    r"<<(?P<tabs>-?)[ \t]*(?P<quote>['\"]?)\\?(?P<end>[A-Za-z_][\w.!-]{0,99})(?P=quote)"
)


class HereDocument(NamedTuple):
    end: str
    """The line that ends it."""
    tabs: bool
    """Whether tabs may precede that line."""


class ProgramText:
    """A reading of `lines`; the caller passes one line after the other."""

    def __init__(self, lines: Sequence[str], language: Language) -> None:
        self._lines = lines
        self._past: Callable[[int], None] = self._past_python
        if language == "bash":
            self._past = self._past_bash
        self._quote = ""
        """The end of the string that the next line begins in."""
        self._documents: list[HereDocument] = []
        self._last: dict[str, int] = {}
        self._last_lines: dict[bool, dict[str, int]] = {}

    @property
    def inside(self) -> bool:
        """Whether the next line begins within a string or a here-document."""
        return bool(self._quote or self._documents)

    def past(self, number: int) -> None:
        """Pass the line `number`, which follows the one before."""
        self._past(number)

    def forget(self) -> None:
        """Start again: the next line belongs to another program."""
        self._quote = ""
        self._documents = []

    def _past_python(self, number: int) -> None:
        line, at = self._lines[number], 0
        if self._quote:
            closing = _PYTHON_ENDS[self._quote].match(line)
            if closing is None:
                if len(self._quote) == 1 and not _goes_on(line):
                    self._quote = ""
                return
            at = closing.end()
            self._quote = ""
        elif '"' not in line and "'" not in line:
            return
        rest = line[_end(_PYTHON_PLAIN, line, at) :]
        if rest.startswith(('"""', "'''")):
            if self._comes_again(rest[:3], number):
                self._quote = rest[:3]
        elif rest and rest[0] != "#" and _goes_on(line):
            self._quote = rest[0]

    def _past_bash(self, number: int) -> None:
        line, at = self._lines[number], 0
        if self._documents:
            end, tabs = self._documents[0]
            if (line.lstrip("\t") if tabs else line) == end:
                self._documents = self._that_end(self._documents[1:], number)
            return
        if self._quote:
            closing = _BASH_ENDS[self._quote].match(line)
            if closing is None:
                return
            at = closing.end()
            self._quote = ""
        announced: list[HereDocument] = []
        while (at := _end(_BASH_PLAIN, line, at)) < len(line) and line[at] != "#":
            if line[at] in "'\"":
                if self._comes_again(line[at], number):
                    self._quote = line[at]
                    return  # what the line announced before it begins after the closing quote
                at += 1
            elif here := _HERE.match(line, at):
                announced.append(HereDocument(here["end"], bool(here["tabs"])))
                at = here.end()
                if len(announced) == MAX_HERE_DOCUMENTS:
                    break
            else:
                at += 2
        self._documents = self._that_end(announced, number)

    def _that_end(self, documents: list[HereDocument], number: int) -> list[HereDocument]:
        """Return `documents` from the first one on that ends below a line."""
        return [found for found in documents if self._last_line(found) > number]

    def _last_line(self, document: HereDocument) -> int:
        """Return the number of the last line that may end a here-document, or -1."""
        known = self._last_lines.get(document.tabs)
        if known is None:
            known = {
                (line.lstrip("\t") if document.tabs else line): number
                for number, line in enumerate(self._lines)
                if len(line) <= 200
            }
            self._last_lines[document.tabs] = known
        return known.get(document.end, -1)

    def _comes_again(self, quote: str, number: int) -> bool:
        """Tell if a line below has the quote; otherwise it opens no string, but is part of a
        text."""
        if quote not in self._last:
            numbers = range(len(self._lines) - 1, -1, -1)
            self._last[quote] = next((at for at in numbers if quote in self._lines[at]), -1)
        return self._last[quote] > number


def _end(pattern: re.Pattern[str], line: str, at: int) -> int:
    found = pattern.match(line, at)
    return found.end() if found else at


def _goes_on(line: str) -> bool:
    """Tell if a line ends in a backslash that is not itself escaped."""
    return (len(line) - len(line.rstrip("\\"))) % 2 == 1
