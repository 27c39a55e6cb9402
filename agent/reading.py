"""Find the program and its proof among the blocks of an answer."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from bellglass.agent.blocks import Block, blocks_of, looks_like_python, prose_of

Language = Literal["python", "bash"]
Proof = Literal["tests", "check", "inputs"]

_PYTHON = frozenset(
    ("python", "py", "python3", "py3", "ipython", "pytest", "sage", "pycon", "jupyter", "pyi")
)
_BASH = frozenset(("bash", "sh", "shell", "zsh"))
_SHOWN = frozenset(
    ("text", "txt", "output", "console", "json", "diff", "csv", "terminal", "log", "stdout", "none")
)

_WORDS: dict[Proof, re.Pattern[str]] = {
    "tests": re.compile(r"\b(?:unit ?)?tests?\b|test_\w+|_test\b", re.IGNORECASE),
    "check": re.compile(r"\bcheck\b|\bverif|\bindependent|\bsecond (?:way|method)", re.IGNORECASE),
    "inputs": re.compile(r"\binputs?\b|\bcases\b", re.IGNORECASE),
}
_SIGNS: dict[Proof, re.Pattern[str] | None] = {
    "tests": re.compile(
        r"^\s*(?:from solution import|import solution|import pytest|import unittest|def test_|"
        r"async def test_|class Test)",
        re.MULTILINE,
    ),
    "check": None,
    "inputs": re.compile(r"^INPUTS\b|^def inputs\b", re.MULTILINE),
}
_PROGRAM = re.compile(r"\bprogram\b|\bsolution(?:\.py)?\b|\bmain\.py\b", re.IGNORECASE)
_ASIDE = re.compile(
    r"\b(?:usage|example|output|original|old|before|instead of|was|install)\b", re.IGNORECASE
)
_NAMES = re.compile(r"^(?:async def|def|class) (\w+)", re.MULTILINE)
_PROMPT = re.compile(r"^(?:>>>|\.\.\.) ?", re.MULTILINE)

MAX_EXPLANATION_CHARACTERS = 4_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Reply:
    """A parsed answer."""

    program: str = ""
    language: Language = "python"
    proof: str = ""
    explanation: str = ""
    unfinished: bool = False
    """The last block was not closed."""


def read(text: str, proof: Proof, *, bash: bool = False) -> Reply:
    """Return the program and the proof of an answer; `bash`: the program may be a Bash script."""
    blocks = blocks_of(text)
    scripts = [block for block in blocks if block.tag in _BASH] if bash else []
    candidates = _python(blocks)
    proofs = [block for block in candidates if _is_proof(block, proof)]
    programs = [block for block in candidates if block not in proofs]
    if not proofs and len(programs) > 1 and not any(_same_names(*programs)):
        # The blocks have no names, so they are taken in the requested order.
        *programs, last = programs
        proofs = [last]
    language: Language = "python"
    if scripts and not any(_named(block, _PROGRAM) for block in programs):
        # The program is in Bash, the inputs are in Python.
        proofs, programs, language = proofs or programs, scripts, "bash"
    return Reply(
        program=_merged(_without_asides(programs)),
        language=language,
        proof=_merged(proofs),
        explanation=prose_of(text)[:MAX_EXPLANATION_CHARACTERS] if blocks else "",
        unfinished=bool(blocks) and not blocks[-1].closed,
    )


def _python(blocks: list[Block]) -> list[Block]:
    """Return the Python blocks: those tagged as Python, else those that look like Python."""
    said = [block for block in blocks if block.tag in _PYTHON]
    typed = [block for block in said if not _PROMPT.match(block.code.lstrip())]
    if typed:
        return typed
    if said:
        return [block._replace(code=_typed(block.code)) for block in said]
    looks = [block for block in blocks if looks_like_python(block.code)]
    return (
        [block for block in looks if not block.tag]
        or [block for block in looks if block.tag not in _SHOWN | _BASH]
        or [block for block in looks if block.tag not in _BASH]
    )


def _typed(code: str) -> str:
    """Return the input of a recorded interactive session, without the output."""
    lines = [line for line in code.split("\n") if _PROMPT.match(line)]
    return "\n".join(_PROMPT.sub("", line) for line in lines) + "\n"


def _is_proof(block: Block, proof: Proof) -> bool:
    sign = _SIGNS[proof]
    if sign is not None and sign.search(block.code):
        return not (
            proof == "tests"
            and _PROGRAM.search(_heading(block))
            and _NAMES.search(block.code)
            and not _only_tests(block)
        )
    return _named(block, _WORDS[proof]) and not _named(block, _PROGRAM)


def _only_tests(block: Block) -> bool:
    names = _NAMES.findall(block.code)
    return all(name.startswith(("test", "Test")) for name in names)


def _named(block: Block, words: re.Pattern[str]) -> bool:
    return words.search(_heading(block)) is not None


def _heading(block: Block) -> str:
    """Return the text that names a block: its label, and a comment in its first line."""
    first = block.code.lstrip().partition("\n")[0]
    label = block.label if len(block.label) <= 120 else ""
    return f"{label} {first if first.startswith('#') else ''}"


def _without_asides(blocks: list[Block]) -> list[Block]:
    """Drop examples and quotations of older code, if other blocks are left."""
    kept = [block for block in blocks if not _named(block, _ASIDE) or _named(block, _PROGRAM)]
    return kept or blocks


def _merged(blocks: list[Block]) -> str:
    """Join blocks to one module; a block that redefines all names of an earlier one replaces it."""
    kept: list[Block] = []
    for block in blocks:
        names = set(_NAMES.findall(block.code))
        kept = [
            earlier
            for earlier in kept
            if not (known := set(_NAMES.findall(earlier.code))) or not known <= names
        ]
        kept.append(block)
    return "\n".join(block.code.strip("\n") + "\n" for block in kept)


def _same_names(*blocks: Block) -> list[bool]:
    """Tell for each block after the first whether it redefines a name of the first."""
    first = set(_NAMES.findall(blocks[0].code))
    return [bool(first & set(_NAMES.findall(block.code))) for block in blocks[1:]]
