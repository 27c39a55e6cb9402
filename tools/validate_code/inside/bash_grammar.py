"""The commands of a Bash script, from shfmt's syntax tree; nothing of the script is run."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from typing import Any, NamedTuple

from bellglass.tools.validate_code.inside.programs import HOW, Checker

SHFMT_TIMEOUT_SECONDS = 5.0
MAX_TREE_BYTES = 40 * 1024**2
"""Bytes of a syntax tree that is read: a script of 500 lines has 3 MB."""

MIN_HALVED_CHARACTERS = 5_000
"""Characters above which a script is parsed in halves: shfmt takes 70 ms to write 3 MB."""

PUT_IN = "$_"
"""Stands in a word for what the shell substitutes when it runs."""

_KEYWORDS = {"if", "then", "else", "elif", "fi", "do", "done", "while", "until", "!", "{", "}"}
_SUBSCRIPT = re.compile(r"(?<=[\w(\s])\[\w+(?: \w+)+\](?=[=}+])")
_PARAGRAPH = re.compile(r"\n\n(?=[^\s])")
_ASSIGNMENT = re.compile(r"\w+(\[.*\])?\+?=")


class Word(NamedTuple):
    """One word without its quotes. Lines and columns count from 1, columns in bytes."""

    text: str
    line: int
    column: int
    plain: bool = True
    """Whether the shell substitutes nothing in it."""


class Command(NamedTuple):
    """A simple command: its words, and the files of its redirections."""

    words: list[Word]
    redirects: list[tuple[str, Word]]
    piped: bool = False
    """Whether it reads the output of another command."""
    background: bool = False


class Unread(Exception):
    """The commands of a script could not be found; the text says why."""


class BadSyntax(Unread):
    """It is not Bash, or uses syntax that the grammar does not know."""


class Reader:
    """shfmt running on a script, until its commands are asked for.

    A long script is parsed in two halves at once. If the first half is a complete script, the
    second begins with a new command, as bash reads one after the other.
    """

    def __init__(self, code: str) -> None:
        # Bash permits blanks in the subscript of an associative array, shfmt does not.
        self._code = _SUBSCRIPT.sub(lambda found: found.group().replace(" ", "_"), code)
        self._checkers = [_shfmt(part) for part in _halves(self._code)]

    def commands(self) -> list[Command]:
        """Return the commands of the script in order, including those in substitutions.

        Raises:
            Unread: There is no syntax tree.
        """
        texts = [checker.read(SHFMT_TIMEOUT_SECONDS, MAX_TREE_BYTES) for checker in self._checkers]
        if len(texts) > 1 and not all(texts):  # the cut was not between two commands
            self._checkers = [_shfmt(self._code)]
            texts = [self._checkers[0].read(SHFMT_TIMEOUT_SECONDS, MAX_TREE_BYTES)]
        if not all(checker.installed for checker in self._checkers):
            raise Unread(f"shfmt is not installed in the sandbox: {HOW}")
        if not all(checker.finished for checker in self._checkers):
            raise Unread("the script is too large to look through")
        if not all(texts):
            raise BadSyntax("shfmt, which reads it for this, finds no syntax that it knows")
        try:
            return [command for text in texts for command in _commands(json.loads(text))]
        except RecursionError:
            raise Unread("the script nests too deeply to look through") from None


def _shfmt(code: str) -> Checker:
    return Checker("shfmt", ("--language-dialect=bash", "--to-json", "-"), code)


def _halves(code: str) -> list[str]:
    """Cut a long script at the empty line next to its middle; lines keep their numbers."""
    cuts = (
        [found.end() for found in _PARAGRAPH.finditer(code)]
        if len(code) > MIN_HALVED_CHARACTERS
        else []
    )
    if not cuts:
        return [code]
    at = min(cuts, key=lambda cut: abs(2 * cut - len(code)))
    return [code[:at], "\n" * code.count("\n", 0, at) + code[at:]]


def _commands(tree: Any) -> Iterator[Command]:
    pending: list[tuple[Any, bool]] = [(tree, False)]
    while pending:
        node, piped = pending.pop()
        if isinstance(node, list):
            pending += [(item, piped) for item in reversed(node)]
            continue
        if ("Cmd" in node or "Redirs" in node) and (found := _command(node, piped)):
            yield found
        pipe = node.get("Type") == "BinaryCmd" and node["Op"] in ("|", "|&")
        for name, inner in reversed(list(node.items())):
            if isinstance(inner, list) or (isinstance(inner, dict) and "Offset" not in inner):
                pending.append((inner, piped or (pipe and name == "Y")))


def _command(statement: dict[str, Any], piped: bool) -> Command | None:
    """Return the simple command in a statement, or the redirections of a compound one."""
    command = statement.get("Cmd") or {}
    words: list[Word] = []
    if command.get("Type") == "CallExpr":
        words = [_word(word) for word in command.get("Args", ())]
    elif command.get("Type") == "DeclClause":  # export, declare, local ...
        words = [_literal(command["Variant"])]
    redirects = []
    for redirect in statement.get("Redirs", ()):
        target = redirect.get("Hdoc") or redirect["Word"]
        redirects.append((str(redirect["Op"]), _word(target)))
    background = bool(statement.get("Background"))
    if not (words or redirects or background):
        return None
    if background and not words:
        words = [Word("", statement["Pos"]["Line"], statement["Pos"]["Col"])]
    return Command(words, redirects, piped, background)


def _word(word: dict[str, Any]) -> Word:
    texts: list[str] = []
    plain = _read(word.get("Parts", ()), texts, quoted=False)
    return Word("".join(texts), word["Pos"]["Line"], word["Pos"]["Col"], plain)


def _literal(literal: dict[str, Any]) -> Word:
    return Word(str(literal["Value"]), literal["Pos"]["Line"], literal["Pos"]["Col"])


def _read(parts: Any, texts: list[str], *, quoted: bool) -> bool:
    """Append the texts of `parts` to `texts`; tell if they are the whole word."""
    plain = True
    for part in parts:
        kind, value = part["Type"], str(part.get("Value", ""))
        if kind == "Lit":
            pattern = r"\\([$`\"\\\n])" if quoted else r"\\(.|\n)"
            texts.append(re.sub(pattern, lambda found: found[1].strip("\n"), value))
        elif kind == "SglQuoted":
            texts.append(_ansi(value) if part.get("Dollar") else value)
        elif kind == "DblQuoted":
            plain = _read(part.get("Parts", ()), texts, quoted=True) and plain
        else:
            texts.append("*" if kind in ("ExtGlob", "BraceExp") else PUT_IN)
            plain = False
    return plain


def _ansi(text: str) -> str:
    """Return the text of $'...', with \\x72 replaced by r and the like."""
    try:
        return text.encode("latin-1", "backslashreplace").decode("unicode_escape")
    except UnicodeDecodeError:
        return text


def commands_by_line(code: str) -> Iterator[Command]:
    """Yield the simple commands of each line, if there is no syntax tree of the script.

    It knows quotes, comments and operators, but neither substitutions nor here-documents.
    """
    for number, line in enumerate(code.split("\n"), 1):
        lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
        lexer.whitespace_split = True
        try:
            tokens = list(lexer)
        except ValueError:  # a quote that is not closed here
            tokens = line.split()
        words: list[Word] = []
        redirects: list[tuple[str, Word]] = []
        operator, piped = "", False
        for token in [*tokens, ";"]:
            if not set(token) <= set("();<>|&"):
                word = Word(token, number, 1, not set(token) & {"$", "`"})
                if set(operator) & set("<>"):
                    redirects.append((operator, word))
                elif words or not (token in _KEYWORDS or _ASSIGNMENT.match(token)):
                    words.append(word)
                operator = ""
                continue
            operator = token
            if not set(token) & set("<>"):
                if words or redirects:
                    yield Command(words, redirects, piped, token == "&")
                words, redirects, piped = [], [], token in ("|", "|&")
