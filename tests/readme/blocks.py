"""The README, CONTRIBUTING and the pages of docs/ in parts: blocks to run, sections to compare."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"

EXAMPLES = ("adding-a-tool", "backends", "clients", "files", "folders", "http", "testing")
"""Pages of docs/ whose blocks are run by a test here or in tests/protocol."""

_BLOCK = re.compile(r"^```(?P<language>\w*) ?(?P<name>.*)\n(?P<body>(?s:.*?))^```$", re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """A code block; its name is the second word after the backticks, which no reader sees."""

    language: str
    name: str
    body: str


BLOCKS = [
    Block(**match.groupdict())
    for path in (README, ROOT / "CONTRIBUTING.md", *(ROOT / f"docs/{name}.md" for name in EXAMPLES))
    for match in _BLOCK.finditer(path.read_text("utf-8"))
]


def block(name: str) -> str:
    """Return the text of the block of that name."""
    (found,) = [block.body for block in BLOCKS if block.name == name]
    return found


def page(name: str) -> str:
    """Return the text of a page of docs/."""
    return (ROOT / f"docs/{name}.md").read_text("utf-8")


def section(text: str, heading: str) -> str:
    """Return what is below a heading, up to the next one."""
    return re.split(r"^## ", text.partition(f"\n## {heading}\n")[2], flags=re.MULTILINE)[0]


def first_cells(text: str) -> list[str]:
    """Return the first cell of each row of the tables in `text`, without their heads."""
    rows = re.findall(r"^\| *(.*?) *\|", text, re.MULTILINE)
    ruled = [number for number, cell in enumerate(rows) if set(cell) <= {"-", ":"} and cell]
    heads = {number - 1 for number in ruled} | set(ruled)
    return [cell for number, cell in enumerate(rows) if number not in heads]


def names(cell: str) -> list[str]:
    """Return what is in backticks."""
    return re.findall(r"`([^`]+)`", cell)
