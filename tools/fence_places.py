"""Where in a text Markdown's fences stand, those left out that are part of a program's own text."""

from __future__ import annotations

import re
from bisect import bisect_right
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bellglass.tools.results import Language

_FENCE = re.compile(r"^([ \t]*)(`{3,}|~{3,})([^`\n]*)$", re.MULTILINE)
_TAG = re.compile(r"\s*[{.]*[\w+#.-]*(?:[ {].*)?\s*")

MOST_CHARACTERS = 100_000
MOST_FENCES = 100
"""Of a text that is looked through: what is pasted from an answer is smaller."""
MOST_ENDLESS = 20
"""Here-documents without an end, after which none is looked for."""

_PYTHON = re.compile(
    r'(?P<triple>"""|\'\'\')'
    r'|"(?:[^"\\\n]|\\.)*+"?'
    r"|'(?:[^'\\\n]|\\.)*+'?"
    r"|#[^\n]*+"
    r"|[()\[\]{}]",
    re.DOTALL,
)
_ENDS = {
    '"""': re.compile(r'(?:[^"\\]|\\.|"(?!""))*+"""', re.DOTALL),
    "'''": re.compile(r"(?:[^'\\]|\\.|'(?!''))*+'''", re.DOTALL),
    '"': re.compile(r'(?:[^"\\]|\\.)*+"', re.DOTALL),
    "'": re.compile(r"[^']*+'"),
}

_BASH = re.compile(
    r"\\."
    # Not the apostrophe of isn't, which stands in a sentence.
    r"|(?<![A-Za-z])'|'(?!(?:s|t|re|ll|ve|d|m)\b)"
    r'|"'
    r"|(?:^|(?<=[\s;&|(]))#[^\n]*+"
    r"|<<<"
    r"|<<(?P<tabs>-?)[ \t]*(?P<quote>['\"]?)\\?(?P<end>[A-Za-z_][\w.!-]*)(?P=quote)",
    re.DOTALL | re.MULTILINE,
)
_SENTENCE = re.compile(r"\s*(?:[A-Z#>*-].*[.:!?,]\s*)?")


class Fence(NamedTuple):
    """A line that opens or closes a fence; the first line of a text is number 0."""

    line: int
    indent: str
    mark: str
    tag: str


def fences_of(text: str, language: Language) -> list[Fence]:
    """Return the lines of `text` that are fences, and cannot be part of code in `language`."""
    fences = list(islice(_FENCE.finditer(text[: MOST_CHARACTERS + 1]), MOST_FENCES + 1))
    if not fences or len(fences) > MOST_FENCES or len(text) > MOST_CHARACTERS:
        return []
    taken = list(_python_text(text) if language == "python" else _bash_text(text))
    starts = [start for start, _, _ in taken]
    found = []
    line = at = 0
    for match in fences:
        line += text.count("\n", at, match.start())
        at = match.start()
        index = bisect_right(starts, at) - 1
        _, end, only_tildes = taken[index] if index >= 0 else (0, 0, False)
        inside = at < end and not (only_tildes and match[2][0] == "`")
        if not inside and _TAG.fullmatch(match[3]):
            found.append(Fence(line, match[1], match[2], match[3].strip()))
    if language == "python" and all(fence.tag for fence in found if fence.mark[0] == "~"):
        # ~~~x is an expression; a line of ~~~ alone is not.
        found = [fence for fence in found if fence.mark[0] == "`"]
    return found


def _python_text(text: str) -> Iterator[tuple[int, int, bool]]:
    """Yield where strings, comments and brackets are; a ~ in brackets is an operator.

    For a valid program that is exact.
    """
    depth = at = 0
    endless: set[str] = set()
    while match := _PYTHON.search(text, at):
        kind, at = match[0], match.end()
        if match["triple"]:
            end = _end_of(kind, text, at, endless)
            yield match.start(), end, False
            at = max(at, end)
        elif kind in "([{":
            depth += 1
        elif kind in ")]}":
            depth = max(0, depth - 1)
        else:
            yield match.start(), at, False
        yield at, len(text) if depth else at, True


def _bash_text(text: str) -> Iterator[tuple[int, int, bool]]:
    """Yield where quoted text and here-documents are."""
    at = _end_of_sentences(text)
    endless: set[str] = set()
    while match := _BASH.search(text, at):
        at = match.end()
        end = 0
        if match["end"]:
            end = _end_of_documents(match, text, endless)
        elif match[0] in _ENDS:
            end = _end_of(match[0], text, at, endless)
        if end:
            yield match.start(), end, False
            at = end


def _end_of(quote: str, text: str, at: int, endless: set[str]) -> int:
    """Return where the text from `at` on ends that `quote` opens, or 0."""
    closing = None if quote in endless else _ENDS[quote].match(text, at)
    if closing is None:
        endless.add(quote)  # nor will any after it: not to be searched for again
        return 0
    return closing.end()


def _end_of_documents(first: re.Match[str], text: str, endless: set[str]) -> int:
    """Return where the here-documents end that the line of `first` announces, or 0."""
    line_end = at = text.find("\n", first.end())
    for opening in _BASH.finditer(text, first.start(), max(line_end, 0)):
        if opening["end"]:
            tabs = "\t*" if opening["tabs"] else ""
            end = f"^{tabs}{re.escape(opening['end'])}$"
            closing = None
            if end not in endless and len(endless) < MOST_ENDLESS:
                closing = re.compile(end, re.MULTILINE).search(text, at + 1)
            if closing is None:
                endless.add(end)
                return 0
            at = closing.end()
    return max(at, 0)


def _end_of_sentences(text: str) -> int:
    """Return where the first fence is, if what stands before it is no script but sentences."""
    first = _FENCE.search(text)
    if first and all(map(_SENTENCE.fullmatch, text[: first.start()].split("\n"))):
        return first.start()
    return 0
