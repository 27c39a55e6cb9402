"""The commands of a bash script, read without running anything.

Not a parser: it knows quotes, comments, here-documents, substitutions and where a command
begins, which is what it takes to tell a command from a word that looks like one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from bellglass.sandboxes.runner.checking.bash_words import META, Reader, Word

DEPTH = 40
"""Substitutions within substitutions."""

_OPERATORS = re.compile(r";;&|;;|;&|&&|\|\||\|&|[;&|)]")
_REDIRECTS = re.compile(r"&>>|&>|<<<|<<-|<<|<>|<&|>&|>>|>\||<|>")
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*(\[[^\]]*\])?\+?=")
_FUNCTION = re.compile(r"[ \t]*\([ \t]*\)")
_BEFORE_COMMAND = ("if", "then", "else", "elif", "do", "while", "until", "!", "{", "time", "coproc")


class TooDeep(Exception):
    """The script nests more than this reads."""


class Command:
    """A simple command: its words, and the files it redirects to or from."""

    def __init__(self, depth: int) -> None:
        self.depth = depth
        self.words: list[Word] = []
        self.redirects: list[tuple[str, Word]] = []
        self.piped = False
        """It reads what another command writes."""
        self.background = False


class Scanner(Reader):
    """Reads `code`; afterwards `commands` has what it found, also within substitutions."""

    def __init__(
        self, code: str, line: int = 1, commands: list[Command] | None = None, depth: int = 0
    ) -> None:
        super().__init__(code, line)
        self.commands: list[Command] = [] if commands is None else commands
        self._command = Command(depth)
        self._documents: list[tuple[str, bool, bool]] = []
        self._depth = depth

    def nested(self, code: str) -> None:
        Scanner(code, self.line(self.at), self.commands, self._depth + 1).commands_until("")

    def all_as_text(self) -> None:
        """Read as the inside of double quotes, where only substitutions count."""
        while self.at < len(self.code):
            self.piece("")

    def commands_until(self, closing: str) -> None:
        if self._depth > DEPTH:
            raise TooDeep
        outer, self._command = self._command, Command(self._depth)
        self._depth += 1
        while self.at < len(self.code):
            char = self.code[self.at]
            if char == closing:
                self.at += 1
                break
            if char in " \t":
                self.at += 1
            elif self.code.startswith("\\\n", self.at):
                self.at += 2
            elif char == "\n":
                self.at += 1
                self._end()
                self._skip_documents()
            elif char == "#":
                self.at = self.find("\n")
            elif char in "<>" or self.code.startswith("&>", self.at):
                self._redirect()
            elif char == "(":
                self._group()
            elif char in ";&|)":
                self._operator()
            else:
                self._take(self.word())
        self._end()
        self._depth -= 1
        self._command = outer

    def _take(self, word: Word) -> None:
        words = self._command.words
        following = self.code[self.at : self.at + 1]
        if word.text.endswith("=") and following == "(":
            self._array()
        if not words:
            if word.text in _BEFORE_COMMAND or _ASSIGNMENT.match(word.text):
                return
            if _FUNCTION.match(self.code, self.at):
                self.at = self.find(")") + 1
                return
        if word.text.isdigit() and following in ("<", ">"):
            return  # the descriptor of a redirection
        words.append(word)
        if word.text == "[[" and len(words) == 1:
            self._condition()
        elif words[0].text == "function" and len(words) == 2:
            words.clear()
        elif words[0].text == "case" and word.text == "in":
            self._end()
            self._pattern()

    def _end(self, *, background: bool = False, piped: bool = False) -> None:
        if self._command.words or self._command.redirects:
            self._command.background = background
            self.commands.append(self._command)
        self._command = Command(self._depth)
        self._command.piped = piped

    def _group(self) -> None:
        if self.code.startswith("((", self.at):  # arithmetic
            self.at = self.find("))") + 2
        else:
            self.at += 1
            self._end()
            self.commands_until(")")

    def _operator(self) -> None:
        found = _OPERATORS.match(self.code, self.at)
        operator = found.group() if found else self.code[self.at]
        self.at += len(operator)
        self._end(background=operator == "&", piped=operator in ("|", "|&"))
        if operator in (";;", ";&", ";;&"):
            self._pattern()

    def _redirect(self) -> None:
        if self.code[self.at + 1 : self.at + 2] == "(" and self.code[self.at] != "&":
            self.at += 2
            self.commands_until(")")
            return
        found = _REDIRECTS.match(self.code, self.at)
        operator = found.group() if found else self.code[self.at]
        self.at += len(operator)
        self.blanks()
        start = self.at
        word = self.word()
        if operator in ("<<", "<<-"):
            quoted = bool(set(self.code[start : self.at]) & set("'\"\\"))
            self._documents.append((word.text, operator == "<<-", quoted))
        else:
            self._command.redirects.append((operator, word))

    def _skip_documents(self) -> None:
        for end, tabs, quoted in self._documents:
            start, line = self.at, self.line(self.at)
            body_end = len(self.code)
            for first, last in self._lines_from(start):
                text = self.code[first:last]
                self.at = min(last + 1, len(self.code))
                if (text.lstrip("\t") if tabs else text) == end:
                    body_end = first
                    break
            if not quoted:
                inner = Scanner(self.code[start:body_end], line, self.commands, self._depth + 1)
                inner.all_as_text()
        self._documents = []

    def _lines_from(self, at: int) -> Iterator[tuple[int, int]]:
        while at < len(self.code):
            end = self.find("\n", at)
            yield at, end
            at = end + 1

    def _pattern(self) -> None:
        """Skip the pattern of a case, up to and with its parenthesis."""
        while self.at < len(self.code):
            char = self.code[self.at]
            if char == "#":
                self.at = self.find("\n")
            elif char == ")":
                self.at += 1
                return
            elif char in META:
                self.at += 1
            else:
                start = self.at
                if self.word().text == "esac":
                    self.at = start
                    return

    def _condition(self) -> None:
        while self.at < len(self.code):
            if self.code[self.at] in META:
                self.at += 1
            elif self.word().text == "]]":
                return

    def _array(self) -> None:
        self.at += 1
        while self.at < len(self.code) and self.code[self.at] != ")":
            if self.code[self.at] in META:
                self.at += 1
            else:
                self.word()
        self.at += 1
