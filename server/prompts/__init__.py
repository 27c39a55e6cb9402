"""Prompts, which clients list as commands; one module each."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

from mcp.shared.exceptions import MCPError
from mcp.types import (
    INVALID_PARAMS,
    GetPromptResult,
    Prompt,
    PromptArgument,
    PromptMessage,
    TextContent,
)

from bellglass.server.prompts import analyse, compute, fix, solve, transform
from bellglass.server.prompts.base import MAX_ARGUMENT_CHARACTERS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bellglass.server.prompts.base import PromptEntry

PROMPTS = {
    module.PROMPT.name: module.PROMPT for module in (solve, fix, analyse, transform, compute)
}


def listed() -> list[Prompt]:
    return [
        Prompt(
            name=entry.name,
            title=entry.title,
            description=entry.description,
            arguments=[
                PromptArgument(
                    name=argument.name,
                    description=argument.description,
                    required=argument.required,
                )
                for argument in entry.arguments
            ],
        )
        for entry in PROMPTS.values()
    ]


def written(name: str, given: Mapping[str, str]) -> GetPromptResult:
    """Return the text of a prompt.

    Raises:
        MCPError: There is no such prompt, or an argument is missing, unknown or too long.
    """
    entry = PROMPTS.get(name)
    if entry is None:
        raise _wrong(f"There is no prompt {name[:60]!r}. There are: {', '.join(PROMPTS)}.")
    _check(entry, given)
    text = entry.write(given)
    return GetPromptResult(
        description=entry.description,
        messages=[PromptMessage(role="user", content=TextContent(type="text", text=text))],
    )


def choices(name: str, argument: str, given: str) -> list[str] | None:
    """Return completions of an argument, or None if the prompt offers no choices."""
    entry = PROMPTS.get(name)
    for known in entry.arguments if entry else ():
        if known.name == argument and known.choices:
            start = given.casefold()
            return [choice for choice in known.choices if choice.casefold().startswith(start)]
    return None


def _check(entry: PromptEntry, given: Mapping[str, str]) -> None:
    known = {argument.name: argument for argument in entry.arguments}
    for name, value in given.items():
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"it has {', '.join(known)}."
            raise _wrong(f"The prompt {entry.name} has no argument {name[:60]!r}: {hint}")
        if len(value) > MAX_ARGUMENT_CHARACTERS:
            raise _wrong(
                f"{name} is longer than {MAX_ARGUMENT_CHARACTERS:,} characters. Pass it as a file."
            )
    missing = [
        name
        for name, argument in known.items()
        if argument.required and not given.get(name, "").strip()
    ]
    if missing:
        raise _wrong(f"The prompt {entry.name} needs {' and '.join(missing)}.")


def _wrong(text: str) -> MCPError:
    return MCPError(INVALID_PARAMS, text)
