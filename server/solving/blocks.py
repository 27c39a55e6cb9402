"""The code blocks of an answer in Markdown, however it was fenced.

Unlike `tools/fences.py`, which gets code that may have come in a fence, this reads prose that has
code in it: here a fence is a fence unless a string of the program holds it.
"""

from __future__ import annotations

import re
import textwrap
from typing import NamedTuple

MOST_LINES = 20_000

_FENCE = re.compile(
    r"(?P<indent>[ \t]*(?:[-*+] +|\d{1,3}[.)] +)?)(?P<mark>`{3,}|~{3,})(?P<info>.*)"
)
_ONE_LINE = re.compile(r"[ \t]*```(?:(?:python3?|py|bash|sh) )?([^`\n]+)```[ \t]*")
_WRAPPERS = ("markdown", "md", "mdx")

_STRING = re.compile(
    r'(?P<triple>"""|\'\'\')'
    r'|"(?:[^"\\\n]|\\.)*"?'
    r"|'(?:[^'\\\n]|\\.)*'?"
    r"|#[^\n]*"
)

_STATEMENT = re.compile(
    r"(?:from [\w.]+ import |import \w|(?:async )?def \w+|class \w+|@\w|print\(|assert |return "
    r"|(?:for|while|if|with|try|elif|else)\b.*:\s*(?:#.*)?$"
    r"|[A-Za-z_][\w.]*(?:\[[^\]]*\])?(?:, *\w+)* *(?::[^=]+)?[-+*/%|&]?= ?\S"
    r"|[A-Za-z_][\w.]*\(.*\)\s*$)"
)
_SENTENCE = re.compile(r"[A-Z][\w'\u2019]*,?(?: [\w'\u2019`*(),./+=-]+){2,}[:.!?]?\s*")


class Block(NamedTuple):
    """A piece of code, as it was shown."""

    code: str
    tag: str = ""
    """The language that the fence names, in lower case."""
    label: str = ""
    """What stands at the fence and on the line before it: often the name of a file."""
    closed: bool = True


def blocks_of(text: str) -> list[Block]:
    """Return the code in an answer, in its order; the whole if it is nothing but code."""
    lines = text.replace("\r\n", "\n").split("\n")[:MOST_LINES]
    blocks = _fenced(lines)
    if not blocks:
        blocks = [Block(match[1]) for match in map(_ONE_LINE.fullmatch, lines) if match]
    return blocks or _indented(lines) or _bare(lines)


def prose_of(text: str) -> str:
    """Return what an answer says around its code."""
    kept = []
    inside = ""
    for line in text.split("\n")[:MOST_LINES]:
        fence = _FENCE.fullmatch(line)
        if fence and not inside:
            inside = fence["mark"]
        elif fence and fence["mark"].startswith(inside) and not fence["info"].strip():
            inside = ""
        elif not inside:
            kept.append(line)
    return "\n".join(kept).strip()


def looks_like_python(code: str) -> bool:
    """Tell whether some line of `code` is a statement of Python, as far as a glance can tell."""
    return any(_STATEMENT.match(line.strip()) for line in code.split("\n"))


def _fenced(lines: list[str]) -> list[Block]:
    blocks: list[Block] = []
    at = 0
    before = ""
    while at < len(lines):
        fence = _FENCE.fullmatch(lines[at])
        if fence is None or "`" in fence["info"]:
            before = lines[at].strip() or before
            at += 1
            continue
        end, closed = _end_of(lines, at + 1, fence["mark"])
        inner = lines[at + 1 : end]
        words = fence["info"].split()
        tag = words[0].strip("{}.,:").lower() if words else ""
        if tag in _WRAPPERS and (within := _fenced(inner)):
            blocks += within
        elif any(line.strip() for line in inner):
            code = "\n".join(inner) + "\n"
            code = textwrap.dedent(code) if fence["indent"] else code
            blocks.append(Block(code, tag, f"{' '.join(words[1:])} {before}".strip(), closed))
        before = ""
        # Without a closing line, what ended it is the next one's opening.
        at = end + 1 if closed else end
    return blocks


def _end_of(lines: list[str], start: int, mark: str) -> tuple[int, bool]:
    """Return the line that ends a block, and whether that closes it (or only opens the next)."""
    depth = 0
    for at in range(start, len(lines)):
        fence = _FENCE.fullmatch(lines[at])
        if fence is None or fence["mark"][0] != mark[0] or "`" in fence["info"]:
            continue
        if _in_string(lines[start:at], lines[at:]):
            continue
        tag = fence["info"].strip()
        if not tag and len(fence["mark"]) >= len(mark):
            if depth == 0:
                return at, True
            depth -= 1
        elif tag and _closed_twice(lines[at + 1 :], mark):
            depth += 1
        elif tag and len(fence["mark"]) == len(mark):
            return at, False
    return len(lines), False


def _in_string(before: list[str], after: list[str]) -> bool:
    """Tell whether a string that opens in `before` goes on, and does end in `after`."""
    text = "\n".join(before)
    at = 0
    while match := _STRING.search(text, at):
        at = match.end()
        if quote := match["triple"]:
            end = text.find(quote, at)
            if end < 0:
                return quote in "\n".join(after)
            at = end + 3
    return False


def _closed_twice(after: list[str], mark: str) -> bool:
    """Tell whether a fence within a fence is closed, and then the outer one."""
    closings = 0
    for line in after:
        fence = _FENCE.fullmatch(line)
        if fence is None or fence["mark"][0] != mark[0]:
            continue
        if fence["info"].strip():
            return False
        closings += 1
        if closings == 2:
            return True
    return False


def _indented(lines: list[str]) -> list[Block]:
    """Return blocks set in by four blanks below a line of text."""
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
    # In a program, what is set in belongs to the line above it.
    return [] if any(_STATEMENT.match(line) for line in lines if line[:1].strip()) else blocks


def _bare(lines: list[str]) -> list[Block]:
    """Return the code of an answer without any fence: from its first statement to its last."""
    kept: list[str] = []
    for line in lines:
        if _SENTENCE.fullmatch(line) and not _STATEMENT.match(line):
            if kept:
                break
        elif kept or _STATEMENT.match(line):
            kept.append(line)
    code = "\n".join(kept).strip("\n")
    return [Block(code + "\n")] if code else []
