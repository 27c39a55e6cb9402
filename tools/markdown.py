"""Code blocks in Markdown: the one reader of fences, for tools and for `solve`.

A CommonMark parser does not work here: by its rules any line of backticks closes a block, even one
within a string or a here-document of the program, and a block that a model forgot to close includes
the next one. The text may be hostile: the time grows linearly with it.
"""

from __future__ import annotations

import re
import textwrap
from typing import TYPE_CHECKING, NamedTuple

from bellglass.tools.program_text import ProgramText

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bellglass.tools.results import Language

MAX_FENCE_CHARACTERS = 300
MAX_NESTING = 3

TAGS: dict[Language, tuple[str, ...]] = {
    "python": (
        *("python", "py", "python3", "py3", "ipython", "pycon", "pytest", "jupyter"),
        *("pyi", "sage"),
    ),
    "bash": ("bash", "sh", "shell", "zsh", "console", "terminal", "shell-session", "shellsession"),
}

_WRAPPERS = ("markdown", "md", "mdx")

_FENCE = re.compile(
    r"(?P<indent>[ \t]*+(?:(?:[-*+]|\d{1,3}[.)]) +(?=`))?+)(?P<mark>`{3,}+|~{3,}+)(?P<info>[^`]*+)"
)
_INFO = re.compile(r"\s*+(?:[{.]*+[\w+#-][\w+#.-]*+\}?(?:[ :{].*)?)?")


class Fence(NamedTuple):
    """A line that opens or closes a block; the first line of a text is number 0."""

    line: int
    indent: str
    mark: str
    info: str

    @property
    def tag(self) -> str:
        """The language that it names, in lower case."""
        return (self.info.split() or [""])[0].strip("{}.,:").lower()


class Block(NamedTuple):
    """The text between two fences."""

    opening: Fence
    end: int
    """The number of the line that closes it or, if it is not closed, of the first line after it."""
    closed: bool
    code: str
    inner: tuple[Block, ...] = ()
    """The blocks within it, if it is itself Markdown."""

    @property
    def after(self) -> int:
        """The number of the first line after it."""
        return self.end + 1 if self.closed else self.end


def fences_of(lines: Sequence[str], most: int | None = None) -> list[Fence]:
    """Return every line that has the form of a fence, or the first `most` of them."""
    found: list[Fence] = []
    for number, line in enumerate(lines):
        if len(found) == most:
            break
        if ("```" in line or "~~~" in line) and len(line) <= MAX_FENCE_CHARACTERS:
            match = _FENCE.fullmatch(line.rstrip("\r"))
            if match and _INFO.fullmatch(match["info"]):
                found.append(Fence(number, match["indent"], match["mark"], match["info"].strip()))
    return found


def blocks_of(
    lines: Sequence[str],
    fences: Sequence[Fence],
    language: Language = "python",
    nesting: int = MAX_NESTING,
) -> list[Block]:
    """Return the blocks that `fences` of `lines` form, from the first of them on.

    A block that names no language has `language`.
    """
    texts = {name: ProgramText(lines, name) for name in TAGS}
    blocks = []
    at = 0
    while at < len(fences):
        opening = fences[at]
        known = next((name for name in TAGS if opening.tag in TAGS[name]), None)
        program = texts[known or language] if known or not opening.tag else None
        at, closed = _closing(lines, fences, at, program)
        end = fences[at].line if at < len(fences) else len(lines)
        code = "\n".join(lines[opening.line + 1 : end])
        # A list indents its contents.
        code = textwrap.dedent(code) if opening.indent else code
        inner: list[Block] = []
        if nesting and opening.tag in _WRAPPERS:
            within = code.split("\n")
            inner = blocks_of(within, fences_of(within), language, nesting - 1)
        blocks.append(Block(opening, end, closed, code, tuple(inner)))
        at += closed
    return blocks


def _closing(
    lines: Sequence[str], fences: Sequence[Fence], first: int, program: ProgramText | None
) -> tuple[int, bool]:
    """Return which fence ends the block that `first` opens, and whether it closes it.

    A fence with a tag opens the next block, so the one before it was never closed; in fenced
    Markdown that holds unless both it and then the outer block are closed further down.
    """
    opening = fences[first]
    line, depth = opening.line + 1, 0
    if program is not None:
        program.forget()
    for at in range(first + 1, len(fences)):
        fence = fences[at]
        if program is not None:
            for number in range(line, fence.line):
                program.past(number)
            line = fence.line
            if program.inside:
                continue
        if fence.mark[0] != opening.mark[0]:
            continue
        if not fence.info and len(fence.mark) >= len(opening.mark):
            if depth == 0:
                return at, True
            depth -= 1
        elif fence.info and opening.tag in _WRAPPERS and _are_bare(fences[at + 1 : at + 3], fence):
            depth += 1
        elif fence.info and len(fence.mark) == len(opening.mark):
            return at, False
    return len(fences), False


def _are_bare(following: Sequence[Fence], fence: Fence) -> bool:
    """Tell if the next two fences exist and only close."""
    return len(following) == 2 and all(
        not other.info and other.mark[0] == fence.mark[0] for other in following
    )
