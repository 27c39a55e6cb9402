"""Extract code from Markdown, or from the explanation that precedes it.

Models paste what they would show to a person. A fence counts only where it cannot be part of the
program: never within a string, a bracket or a here-document. All of this is one pass over the text,
because it runs in the server itself.
"""

from __future__ import annotations

import keyword
import re
from typing import TYPE_CHECKING, NamedTuple

from bellglass.tools.markdown import TAGS, blocks_of, fences_of
from bellglass.tools.program_text import ProgramText

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bellglass.tools.markdown import Block, Fence
    from bellglass.tools.results import Language

MAX_CHARACTERS = 100_000
MAX_LINES = 5_000
MAX_FENCES = 100
"""Characters of a text that is examined: what is pasted from an answer is smaller."""

_PROMPTS = {"python": (">>> ", "... "), "bash": ("$ ", "> ")}
_PROMPTED = ("pycon", "console", "terminal", "shell-session", "shellsession")

_PROSE = re.compile(r"[A-Z][\w'\u2019]*,?(?: [\w'\u2019`*(),./+-]+){2,}[:.!]")
_PROSE_START = (
    *("Below", "Certainly", "Execute", "First", "Here", "I", "Now", "Of", "Run", "Sure"),
    *("The", "Then", "This", "To", "Use", "We", "You"),
)
_SENTENCE = re.compile(r"\s*+(?:[A-Z#>*-].*[.:!?,]\s*)?")
_SHOWN_ALONE = re.compile(r"\s*+```([^`\n]++)```\s*+")
_STRING = re.compile(r"\"(?:[^\"\\]|\\.)*+\"|'(?:[^'\\]|\\.)*+'|#.*")

_MAX_SENTENCE_CHARACTERS = 300

_LINE_ENDS = "The lines ended in CR LF, of which Bash takes the CR for text: they end in LF now."


class Unwrapped(NamedTuple):
    """The code itself, and a note on how it was found; no note if nothing was done."""

    code: str
    note: str | None = None


def unwrapped(text: str, language: Language) -> Unwrapped:
    """Return the code in `text`, which is `text` itself wherever that may be code as it is."""
    text = text.removeprefix("\ufeff")  # the byte order mark of a file that it was copied from
    if language == "bash" and 0 < text.count("\r\n") == text.count("\n"):
        code, note = _from_markdown(text.replace("\r\n", "\n"), language)
        return Unwrapped(code, f"{note} {_LINE_ENDS}" if note else _LINE_ENDS)
    return _from_markdown(text, language)


def _from_markdown(text: str, language: Language) -> Unwrapped:
    small = len(text) <= MAX_CHARACTERS and text.count("\n") <= MAX_LINES
    if small and ("```" in text or "~~~" in text):
        if alone := _SHOWN_ALONE.fullmatch(text):
            code = alone[1].strip()
            if language == "python":
                code = code.removeprefix("python ")
            return Unwrapped(code, "The code was taken out of its Markdown backticks.")
        blocks, around = _blocks(text, language)
        if blocks:
            return _joined(blocks, around, language)
    return _without_introduction(text, language)


def _blocks(text: str, language: Language) -> tuple[list[Block], bool]:
    """Return the fenced blocks of `text`, and whether there is text around them."""
    lines = text.split("\n")
    fences = fences_of(lines, MAX_FENCES + 1)
    if len(fences) > MAX_FENCES:
        return [], False
    first = _first(lines, fences, language)
    blocks = blocks_of(lines, fences[first:], language)
    around: list[str] = []
    after = 0
    for block in blocks:
        around += lines[after : block.opening.line]
        after = block.after
    around += lines[after:]
    if len(blocks) == 1 and not blocks[0].closed:
        opening = blocks[0].opening
        before, rest = lines[: opening.line], lines[opening.line + 1 :]
        if not opening.info and _closes(before, rest):
            code = "\n".join(before)
            blocks, around = [blocks[0]._replace(code=code)], rest
    blocks = [inner for block in blocks for inner in (block.inner or (block,))]
    return blocks, bool("".join(around).strip())


def _first(lines: Sequence[str], fences: Sequence[Fence], language: Language) -> int:
    """Return the first fence that cannot be part of a program that begins with the text.

    A line of backticks outside of strings cannot. Tildes are operators of Python (~~~x), unless
    nothing follows them and no bracket is open.
    """
    if not fences or (language == "bash" and _only_sentences(lines[: fences[0].line])):
        return 0
    tildes = language == "python" and any(fence.mark[0] == "~" for fence in fences)
    program = ProgramText(lines, language)
    line = depth = 0
    found: int | None = None
    for at, fence in enumerate(fences):
        for number in range(line, fence.line):
            if tildes and not program.inside:
                depth = max(0, depth + _depth(lines[number]))
            program.past(number)
        line = fence.line
        if program.inside or (depth and fence.mark[0] == "~"):
            continue
        found = at if found is None else found
        if language == "bash" or fence.mark[0] == "`" or not fence.info:
            return found
    return len(fences)


def _only_sentences(lines: Sequence[str]) -> bool:
    return all(len(line) < 2_000 and _SENTENCE.fullmatch(line) for line in lines)


def _depth(line: str) -> int:
    """Return how many more brackets a line opens than it closes."""
    bare = _STRING.sub("", line)
    return sum(map(bare.count, "([{")) - sum(map(bare.count, ")]}"))


def _closes(before: Sequence[str], after: Sequence[str]) -> bool:
    """Tell if the only fence of a text ends the code before it, instead of beginning some."""
    written = [line for line in before if line.strip()]
    if not written:
        return False
    return not "".join(after).strip() or not written[-1].rstrip().endswith((".", ":", "!"))


def _joined(blocks: list[Block], around: bool, language: Language) -> Unwrapped:
    chosen = [block for block in blocks if block.opening.tag in TAGS[language]]
    chosen = chosen or [block for block in blocks if not block.opening.tag] or blocks
    code = "\n".join(_without_prompts(block, language) for block in chosen).rstrip("\n") + "\n"
    left = [block.opening.tag or "untagged" for block in blocks if block not in chosen]
    what = "a Markdown fence" if len(chosen) == 1 else f"{len(chosen)} Markdown fences"
    note = f"The code was taken out of {what}; lines count from its own first one."
    if left:
        note += f" Left out: {len(left)} of other kinds ({', '.join(sorted(set(left))[:5])})."
    if around:
        note += " The text around it was left out."
    return Unwrapped(code, note)


def _without_prompts(block: Block, language: Language) -> str:
    """Return the input of a recorded session, without the answers."""
    first, more = _PROMPTS[language]
    lines = block.code.split("\n")
    if block.opening.tag not in _PROMPTED or not any(line.startswith(first) for line in lines):
        return block.code
    typed = [line for line in lines if line.startswith((first, more))]
    return "\n".join(line.removeprefix(first).removeprefix(more) for line in typed)


def _without_introduction(text: str, language: Language) -> Unwrapped:
    """Drop a first line in English, if no such line can begin a program."""
    first, newline, rest = text.lstrip("\n").partition("\n")
    if len(first) > _MAX_SENTENCE_CHARACTERS:
        return Unwrapped(text)
    words = re.findall(r"[A-Za-z]+", first)
    if not newline or not rest.strip() or not _PROSE.fullmatch(first.strip()):
        return Unwrapped(text)
    if words[0] not in _PROSE_START or (language == "bash" and not first.rstrip().endswith(":")):
        return Unwrapped(text)
    if language == "python" and not any(_two_names(first)):
        return Unwrapped(text)
    return Unwrapped(rest.lstrip("\n"), "The line of explanation before the code was left out.")


def _two_names(line: str) -> Iterator[bool]:
    """Yield whether a word is a name that follows a name, which no Python has."""
    words = line.split(" ")
    for index in range(len(words) - 1):
        pair = words[index : index + 2]
        yield all(word.isidentifier() and not _means_something(word) for word in pair)


def _means_something(word: str) -> bool:
    return keyword.iskeyword(word) or keyword.issoftkeyword(word)
