"""Brackets and strings that are never closed: where they open, and the program with them closed.

To a parser everything after such a place is wrong, or all of it is one expression. A person sees by
the indentation, and by words that begin a statement, where it should have been closed; so do we.
Of use for programs that do not compile, and only guesses about others.
"""

from __future__ import annotations

import re
from typing import NamedTuple


class Unclosed(NamedTuple):
    """What opens at a line and a column, both from 1."""

    opening: str
    line: int
    column: int

    @property
    def message(self) -> str:
        if self.opening in _CLOSING:
            return f"'{self.opening}' was never closed"
        return "unterminated string literal"


class _Open(NamedTuple):
    opening: str
    line: int
    column: int
    indent: int
    """Of the line that it is in."""


_CLOSING = {"(": ")", "[": "]", "{": "}"}
_TOKEN = re.compile(
    r"""
    (?P<space>[^\S\n]+|\\\n|\\\r\n|\#[^\n]*)
    |(?P<newline>\n)
    |(?P<long>[A-Za-z]{0,2}('{3}|"{3}))
    |(?P<string>[A-Za-z]{0,2}(?P<quote>['"])(?:[^\\\n]|\\.|\\\n)*?(?P=quote))
    |(?P<cut>[A-Za-z]{0,2}['"][^\n]*)
    |(?P<word>\w+)
    |(?P<open>[(\[{])
    |(?P<close>[)\]}])
    |(?P<other>.)
    """,
    re.VERBOSE,
)

_GOES_ON = {"and", "or", "not", "in", "is", "if", "else", "for", "async", "await", "lambda"}
"""Words that may begin a line within brackets, though a value stands before them."""
_STATEMENT = re.compile(
    r"(?:def|class|return|import|while|with|try|except|finally|raise|del|global|nonlocal|assert"
    r"|break|continue|pass|elif|async (?:def|with))\b"
)
_HEADER = re.compile(r"(?:if|for|else|async for)\b.*:\s*(?:#.*)?$")
_ASSIGNMENT = re.compile(r"[\w.]+(?:\[[^\]]*\])?(?: = | [-+*/|&]= |: \w+ = )")


MOST = 50
"""Of them in a program that is worth closing; more are no oversight."""


def close(code: str) -> tuple[list[Unclosed], str]:
    """Return what is never closed, and the program with it closed; line numbers stay the same."""
    found, closed = _Scan(code).run()
    return ([], code) if len(found) > MOST else (found, closed)


class _Scan:
    def __init__(self, code: str) -> None:
        self._code = code
        self._open: list[_Open] = []
        self._found: list[Unclosed] = []
        self._closers: list[tuple[int, str]] = []
        """What to put in, and before which character."""
        self._end = 0
        """Of the last token."""
        self._after_value = False
        """The last token ends a value: what follows must be an operator."""
        self._doubtful = 0
        """As many of the open brackets may be closed in a string that lacks its end."""

    def run(self) -> tuple[list[Unclosed], str]:
        line, start, indent, first = 1, 0, 0, True
        at = 0
        while at < len(self._code):
            token = _TOKEN.match(self._code, at)
            assert token is not None  # `other` takes what is left
            kind, text, column = token.lastgroup, token.group(), at - start + 1
            if first and kind not in ("space", "newline"):
                first, indent = False, at - start
                if self._open and self._begins_statement(at, indent):
                    self._close_all()
            if kind == "newline":
                line, start, first = line + 1, token.end(), True
            elif kind == "long":
                end = self._end_of_long(token)
                if end is None:
                    return [], self._code  # the rest is text: nothing can be said of it
                line += self._code.count("\n", at, end)
                start = max(start, self._code.rfind("\n", at, end) + 1)
                self._end, self._after_value = end, True
                at = end
                continue
            elif kind in ("string", "space") and "\n" in text:
                line += text.count("\n")
                start = at + text.rfind("\n") + 1
            elif kind == "cut":
                self._cut(token, line, column)
            elif kind == "open":
                self._open.append(_Open(text, line, column, indent))
            elif kind == "close":
                self._closed_by(text, at)
            if kind not in ("space", "newline"):
                self._end = token.end()
                self._after_value = kind in ("word", "string", "cut", "close")
                if kind == "word" and text in _GOES_ON:
                    self._after_value = False
            at = token.end()
        self._close_all()
        return self._found, self._mended()

    def _begins_statement(self, at: int, indent: int) -> bool:
        """Tell if the line whose first token is at `at` cannot be within the open brackets."""
        end = self._code.find("\n", at)
        line = self._code[at : None if end < 0 else end]
        if _STATEMENT.match(line):
            return True
        if _HEADER.match(line):
            return all(line.count(opening) == line.count(_CLOSING[opening]) for opening in _CLOSING)
        if indent > self._open[0].indent:
            return False
        if _ASSIGNMENT.match(line) or line.startswith("@"):
            return True
        word = re.match(r"[^\W\d]\w*", line)
        return self._after_value and word is not None and word.group() not in _GOES_ON

    def _closed_by(self, closer: str, at: int) -> None:
        for depth in range(len(self._open) - 1, -1, -1):
            if _CLOSING[self._open[depth].opening] == closer:
                self._never_closed(depth + 1, at)
                del self._open[depth]
                self._doubtful = min(self._doubtful, depth)
                return
        # None of that kind is open: a parser says so, and goes on.

    def _close_all(self) -> None:
        self._never_closed(0, self._end)

    def _never_closed(self, depth: int, at: int) -> None:
        """Close the brackets from `depth` on before the character at `at`."""
        for bracket in self._open[max(depth, self._doubtful) :]:
            self._found.append(Unclosed(bracket.opening, bracket.line, bracket.column))
        self._closers.append((at, self._closers_from(depth)))

    def _cut(self, token: re.Match[str], line: int, column: int) -> None:
        """A string ends with its line; so do the brackets that opened in it."""
        quote = token.group().lstrip("rRbBuUfFtT")[:1]
        self._found.append(Unclosed(quote, line, column))
        depth = len(self._open)
        while depth and self._open[depth - 1].line == line:
            depth -= 1
        end = len(token.group().rstrip("\r")) + token.start()
        self._closers.append((end, quote + self._closers_from(depth)))
        self._doubtful = depth

    def _closers_from(self, depth: int) -> str:
        """Take the brackets from `depth` on for closed; return what closes them."""
        opened = self._open[depth:]
        del self._open[depth:]
        self._doubtful = min(self._doubtful, depth)
        return "".join(_CLOSING[bracket.opening] for bracket in reversed(opened))

    def _end_of_long(self, token: re.Match[str]) -> int | None:
        quotes = token.group()[-3:]
        end = re.compile(rf"(?:[^\\]|\\.)*?{quotes}", re.DOTALL).match(self._code, token.end())
        return end.end() if end else None

    def _mended(self) -> str:
        parts, last = [], 0
        for at, text in self._closers:
            parts += [self._code[last:at], text]
            last = at
        return "".join([*parts, self._code[last:]])
