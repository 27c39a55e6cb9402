"""Code that came wrapped in Markdown, or after a word of explanation, taken out of it.

Models paste what they would show to a person. A fence is taken for one only where it cannot be
part of the program: never within a string, a bracket or a here-document.
"""

from __future__ import annotations

import keyword
import re
import textwrap
from typing import TYPE_CHECKING, NamedTuple

from bellglass.tools.fence_places import fences_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bellglass.tools.fence_places import Fence
    from bellglass.tools.results import Language

_TAGS = {
    "python": ("python", "py", "python3", "py3", "ipython", "pycon", "pytest", "jupyter"),
    "bash": ("bash", "sh", "shell", "zsh", "console", "terminal", "shell-session", "shellsession"),
}
_PROMPTS = {"python": (">>> ", "... "), "bash": ("$ ", "> ")}
_PROMPTED = ("pycon", "console", "terminal", "shell-session", "shellsession")

_PROSE = re.compile(r"[A-Z][\w'\u2019]*,?(?: [\w'\u2019`*(),./+-]+){2,}[:.!]")
_PROSE_START = (
    *("Below", "Certainly", "Execute", "First", "Here", "I", "Now", "Of", "Run", "Sure"),
    *("The", "Then", "This", "To", "Use", "We", "You"),
)
_SHOWN_ALONE = re.compile(r"\s*```([^`\n]++)```\s*")


_LONGEST_SENTENCE = 300


class Unwrapped(NamedTuple):
    """The code itself, and what to tell of how it was found; no note where nothing was done."""

    code: str
    note: str | None = None


class _Block(NamedTuple):
    tag: str
    code: str


def unwrapped(text: str, language: Language) -> Unwrapped:
    """Return the code in `text`, which is `text` itself wherever that may be code as it stands."""
    text = text.removeprefix("\ufeff")  # a mark of the file that it was copied from
    if "```" in text or "~~~" in text:
        if alone := _SHOWN_ALONE.fullmatch(text):
            code = alone[1].strip()
            if language == "python":
                code = code.removeprefix("python ")
            return Unwrapped(code, "The code was taken out of its Markdown backticks.")
        blocks, around = _blocks(text, language)
        if blocks:
            return _joined(blocks, around, language)
    return _without_introduction(text, language)


def _blocks(text: str, language: Language) -> tuple[list[_Block], bool]:
    """Return the fenced blocks of `text`, and whether there is something around them."""
    lines = text.split("\n")
    blocks: list[_Block] = []
    opening: Fence | None = None
    around: list[str] = []
    after = 0
    for fence in fences_of(text, language):
        if opening is None:
            around += lines[after : fence.line]
            opening = fence
        elif fence.mark.startswith(opening.mark):
            blocks.append(_block(lines[opening.line + 1 : fence.line], opening))
            # One with a tag opens the next, and the closing of this one was forgotten.
            opening, after = (fence if fence.tag else None), fence.line + 1
    rest = lines[after:]
    if opening is not None:
        rest = lines[opening.line + 1 :]
        if not blocks and not opening.tag and _closes(around, rest):
            around = []
            blocks.append(_block(lines[: len(lines) - len(rest) - 1], opening))
        else:
            blocks.append(_block(rest, opening))
            rest = []
    return blocks, bool("".join(around + rest).strip())


def _closes(before: list[str], after: list[str]) -> bool:
    """Tell if the only fence of a text ends the code before it, instead of beginning some."""
    written = [line for line in before if line.strip()]
    if not written:
        return False
    return not "".join(after).strip() or not written[-1].rstrip().endswith((".", ":", "!"))


def _block(lines: list[str], opening: Fence) -> _Block:
    tag = (opening.tag.split() or [""])[0].strip("{}.").lower()
    code = "\n".join(lines)
    # A list indents what is in it.
    return _Block(tag, textwrap.dedent(code) if opening.indent else code)


def _joined(blocks: list[_Block], around: bool, language: Language) -> Unwrapped:
    chosen = [block for block in blocks if block.tag in _TAGS[language]]
    chosen = chosen or [block for block in blocks if not block.tag] or blocks
    code = "\n".join(_without_prompts(block, language) for block in chosen).rstrip("\n") + "\n"
    left = [block.tag or "untagged" for block in blocks if block not in chosen]
    what = "a Markdown fence" if len(chosen) == 1 else f"{len(chosen)} Markdown fences"
    note = f"The code was taken out of {what}; lines count from its own first one."
    if left:
        note += f" Left out: {len(left)} of other kinds ({', '.join(sorted(set(left))[:5])})."
    if around:
        note += " The text around it was left out."
    return Unwrapped(code, note)


def _without_prompts(block: _Block, language: Language) -> str:
    """Return what was typed in a recorded session, without what was answered."""
    first, more = _PROMPTS[language]
    lines = block.code.split("\n")
    if block.tag not in _PROMPTED or not any(line.startswith(first) for line in lines):
        return block.code
    typed = [line for line in lines if line.startswith((first, more))]
    return "\n".join(line.removeprefix(first).removeprefix(more) for line in typed)


def _without_introduction(text: str, language: Language) -> Unwrapped:
    """Drop a first line in English, if no such line can begin a program."""
    first, newline, rest = text.lstrip("\n").partition("\n")
    if len(first) > _LONGEST_SENTENCE:
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
