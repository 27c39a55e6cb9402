"""Find the code in an answer: its fenced blocks, else lines that look like a program."""

from __future__ import annotations

import re
import textwrap
from typing import TYPE_CHECKING, NamedTuple

from bellglass.tools import markdown

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

MAX_LINES = 20_000

_ONE_LINE = re.compile(r"[ \t]*```(?:(?:python3?|py|bash|sh) )?([^`\n]+)```[ \t]*")

_STATEMENT = re.compile(
    r"(?:from [\w.]+ import |import \w|(?:async )?def \w+|class \w+|@\w|print\(|assert |return "
    r"|(?:for|while|if|with|try|elif|else)\b.*:\s*(?:#.*)?$"
    r"|[A-Za-z_][\w.]*(?:\[[^\]]*\])?(?:, *\w+)* *(?::[^=]+)?[-+*/%|&]?= ?\S"
    r"|[A-Za-z_][\w.]*\(.*\)\s*$)"
)
_SENTENCE = re.compile(r"[A-Z][\w'\u2019]*,?(?: [\w'\u2019`*(),./+=-]+){2,}[:.!?]?\s*")


class Block(NamedTuple):
    """One block of code of an answer."""

    code: str
    tag: str = ""
    """The language that the fence names, in lower case."""
    label: str = ""
    """The rest of the fence's line and the line before it: often the name of a file."""
    closed: bool = True


def blocks_of(text: str) -> list[Block]:
    """Return the blocks of code in an answer, in order; the whole answer if it is only code."""
    lines = text.replace("\r\n", "\n").split("\n")[:MAX_LINES]
    blocks = _fenced(lines)
    if not blocks:
        blocks = [Block(match[1]) for match in map(_ONE_LINE.fullmatch, lines) if match]
    return blocks or _indented(lines) or _bare(lines)


def prose_of(text: str) -> str:
    """Return the text of an answer without its code."""
    lines = text.split("\n")[:MAX_LINES]
    kept: list[str] = []
    after = 0
    for block in markdown.blocks_of(lines, markdown.fences_of(lines)):
        kept += lines[after : block.opening.line]
        after = block.after
    return "\n".join([*kept, *lines[after:]]).strip()


def looks_like_python(code: str) -> bool:
    """Tell whether some line of `code` looks like a Python statement."""
    return any(_STATEMENT.match(line.strip()) for line in code.split("\n"))


def _fenced(lines: list[str]) -> list[Block]:
    found = markdown.blocks_of(lines, markdown.fences_of(lines))
    return [block for block in _told(lines, found) if block.code.strip()]


def _told(lines: list[str], found: Sequence[markdown.Block]) -> Iterator[Block]:
    after = 0
    for block in found:
        opening = block.opening
        if block.inner:
            yield from _told(block.code.split("\n"), block.inner)
        else:
            above = (line.strip() for line in reversed(lines[after : opening.line]))
            before = next(filter(None, above), "")
            name = opening.info.partition(" ")[2].strip()
            code = block.code + "\n"
            yield Block(code, opening.tag, f"{name} {before}".strip(), block.closed)
        after = block.after


def _indented(lines: list[str]) -> list[Block]:
    """Return blocks that are indented by four spaces below a line of text."""
    if not any(line.strip() and not line[0].isspace() for line in lines):
        return []
    blocks: list[Block] = []
    group: list[str] = []
    before = label = ""
    for line in [*lines, "end"]:
        if line.startswith(("    ", "\t")) and (group or before == ""):
            group.append(line)
        elif group and not line.strip():
            group.append("")
        elif group:
            code = textwrap.dedent("\n".join(group)).strip("\n") + "\n"
            if looks_like_python(code):
                blocks.append(Block(code, "", label))
            group = []
        if line.strip() and not line[0].isspace():
            label = line.strip()
        before = line.strip()
    # In a program, indented lines belong to the statement above them.
    return [] if any(_STATEMENT.match(line) for line in lines if line[:1].strip()) else blocks


def _bare(lines: list[str]) -> list[Block]:
    """Return the code of an answer without fences: from its first statement to its last."""
    kept: list[str] = []
    for line in lines:
        if _SENTENCE.fullmatch(line) and not _STATEMENT.match(line):
            if kept:
                break
        elif kept or _STATEMENT.match(line):
            kept.append(line)
    code = "\n".join(kept).strip("\n")
    return [Block(code + "\n")] if code else []
