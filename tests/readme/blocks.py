"""README.md in parts that can be run: its code blocks by name, its tables by heading.

With it the examples of docs/backends.md, docs/clients.md and docs/files.md.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "README.md").read_text("utf-8")

EXAMPLES = ("backends", "clients", "files")

_BLOCK = re.compile(r"^```(?P<language>\w*) ?(?P<name>.*)\n(?P<body>(?s:.*?))^```$", re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """A code block; its name is the second word after the backticks, which no reader sees."""

    language: str
    name: str
    body: str


BLOCKS = [
    Block(**match.groupdict())
    for text in (TEXT, *((ROOT / f"docs/{name}.md").read_text("utf-8") for name in EXAMPLES))
    for match in _BLOCK.finditer(text)
]


def block(name: str) -> str:
    """Return the text of the block of that name."""
    (found,) = [block.body for block in BLOCKS if block.name == name]
    return found


def section(heading: str) -> str:
    """Return what is below a heading, up to the next one."""
    return re.split(r"^## ", TEXT.partition(f"\n## {heading}\n")[2], flags=re.MULTILINE)[0]


def first_cells(text: str) -> list[str]:
    """Return the first cell of each row of the tables in `text`, without their heads."""
    rows = re.findall(r"^\| *(.*?) *\|", text, re.MULTILINE)
    ruled = [number for number, cell in enumerate(rows) if set(cell) <= {"-", ":"} and cell]
    heads = {number - 1 for number in ruled} | set(ruled)
    return [cell for number, cell in enumerate(rows) if number not in heads]


def names(cell: str) -> list[str]:
    """Return what is in backticks."""
    return re.findall(r"`([^`]+)`", cell)
