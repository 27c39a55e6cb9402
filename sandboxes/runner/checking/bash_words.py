"""The words of a bash script: quotes taken off, substitutions followed, nothing run."""

from __future__ import annotations

import bisect
import re

META = " \t\n;&|()<>"
_ANSI = re.compile(r"(?:[^'\\]|\\.)*", re.S)


def _unescaped(text: str) -> str:
    """Return what stands between $' and ', with \\x72 for r and the like."""
    try:
        return text.encode("latin-1", "replace").decode("unicode_escape")
    except UnicodeDecodeError:
        return text


class Word:
    """One word with its quotes taken off; what the shell would put in is a `$`."""

    def __init__(self, text: str, line: int, column: int, *, plain: bool) -> None:
        self.text = text
        self.line = line
        self.column = column
        self.plain = plain
        """Nothing in it is put in by the shell when it runs."""


class Reader:
    """A position in a script, and what can be read there."""

    def __init__(self, code: str, line: int = 1) -> None:
        self.code = code
        self.at = 0
        self._first_line = line
        self._ends = [found.start() for found in re.finditer("\n", code)]
        self._expands = False

    def nested(self, code: str) -> None:
        """Read `code`, a script that stands within this one."""
        raise NotImplementedError

    def commands_until(self, closing: str) -> None:
        """Read on as commands, up to and with `closing`."""
        raise NotImplementedError

    def word(self) -> Word:
        """Read one word."""
        start = self.at
        parts: list[str] = []
        outer, self._expands = self._expands, False
        while self.at < len(self.code) and self.code[self.at] not in META:
            char = self.code[self.at]
            if char == "'":
                end = self.find("'", self.at + 1)
                parts.append(self.code[self.at + 1 : end])
                self.at = end + 1
            elif char == '"':
                self.at += 1
                while self.at < len(self.code) and self.code[self.at] != '"':
                    parts.append(self.piece('"'))
                self.at += 1
            elif char in "\\$`":
                parts.append(self.piece(""))
            else:
                parts.append(char)
                self.at += 1
        if self.at == start:  # a redirection without a target
            self.at = min(self.at + 1, len(self.code))
        plain, self._expands = not self._expands, outer
        line = self.line(start)
        begin = self._ends[line - self._first_line - 1] + 1 if line > self._first_line else 0
        return Word("".join(parts), line, start - begin + 1, plain=plain)

    def piece(self, quote: str) -> str:
        """Read a character, an escape or a substitution, and return what it stands for."""
        char = self.code[self.at]
        following = self.code[self.at + 1 : self.at + 2]
        if char == "\\":
            self.at += 2
            keeps = quote and following not in '"\\$`\n'
            return "\\" + following if keeps else following.replace("\n", "")
        if char == "`":
            end = self.find("`", self.at + 1)
            self.nested(self.code[self.at + 1 : end])
            self.at = end + 1
        elif char == "$" and following == "'" and not quote:
            found = _ANSI.match(self.code, self.at + 2)
            self.at = (found.end() if found else self.at + 1) + 1
            return _unescaped(found.group()) if found else ""
        elif char == "$" and self.code.startswith("((", self.at + 1):
            self.at = self.find("))") + 2
        elif char == "$" and following == "(":
            self.at += 2
            self.commands_until(")")
        elif char == "$" and following == "{":
            self._braces()
        elif char == "$" and (following.isalnum() or following in tuple("_@*#?!-$")):
            self.at += 2
        else:
            self.at += 1
            return char
        self._expands = True
        return "$"

    def _braces(self) -> None:
        self.at += 2
        while self.at < len(self.code) and self.code[self.at] != "}":
            self.piece('"')
        self.at += 1

    def blanks(self) -> None:
        while self.code[self.at : self.at + 1] in (" ", "\t"):
            self.at += 1

    def find(self, text: str, start: int | None = None) -> int:
        """Return where `text` is next, or the end."""
        at = self.code.find(text, self.at if start is None else start)
        return len(self.code) if at < 0 else at

    def line(self, at: int) -> int:
        return self._first_line + bisect.bisect_left(self._ends, at)
