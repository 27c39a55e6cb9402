"""The type of a prompt: a name that a user picks, and the text that the model gets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

MAX_ARGUMENT_CHARACTERS = 200_000
"""Characters."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Argument:
    """An argument of a prompt, which a user fills in."""

    name: str
    description: str
    required: bool = False
    choices: tuple[str, ...] = ()
    """Completions that are offered; other values are accepted too."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PromptEntry:
    """A prompt as it is listed; `write` makes its text from the arguments, which are strings."""

    name: str
    title: str
    description: str
    arguments: tuple[Argument, ...]
    write: Callable[[Mapping[str, str]], str]


def fenced(text: str, tag: str = "") -> str:
    """Return `text` in a fence that nothing in it can close."""
    mark = "```"
    while mark in text:
        mark += "`"
    return f"{mark}{tag}\n{text.rstrip()}\n{mark}"


HONEST = (
    "If something does not hold or could not be run, say so plainly; call verified only what you "
    "saw pass."
)
