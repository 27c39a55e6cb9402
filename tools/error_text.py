"""Text of an exception for a model: the first line, the code, the values, the steps to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bellglass.sandboxes.execution import ExecutionError

MAX_FIRST_LINE_CHARACTERS = 500
"""Characters of a message in the first line."""

MAX_TEXT_CHARACTERS = 9_000
"""Characters of a message or a traceback. They arrive shorter, with a note of how much is left out:
another cut would lose that note."""

MAX_RECORD_TEXT_CHARACTERS = 4_000
"""Characters of a text in the record."""


def first_line(error: ExecutionError) -> str:
    """Return name, message and position, as far as they fit one line."""
    head = error.message.partition("\n")[0]
    if len(head) > MAX_FIRST_LINE_CHARACTERS:
        head = f"{head[:MAX_FIRST_LINE_CHARACTERS]} …"
    return f"{error.name}{': ' if head else ''}{head}{place(error)}"


def place(error: ExecutionError) -> str:
    where = error.where or ("" if error.line is None else f"line {error.line}")
    return f" ({where})" if where else ""


def error_parts(error: ExecutionError) -> Iterator[str]:
    """Yield what follows the first line."""
    head, _, rest = error.message.partition("\n")
    message = (error.message if len(head) > MAX_FIRST_LINE_CHARACTERS else rest).strip("\n")
    if message:
        yield shortened(message, MAX_TEXT_CHARACTERS)
    if error.code:
        yield error.code
    yield from (f"{name} = {value}" for name, value in error.values.items())
    way = shortened(error.traceback.strip("\n"), MAX_TEXT_CHARACTERS).split("\n")
    # The first line has the position already.
    lines = [f"  {line}" for line in way if line and line != error.where]
    if lines:
        yield "\n".join(["Traceback:", *lines])


def error_record(error: ExecutionError, hint: str | None) -> dict[str, Any]:
    """Return the error for programs, without unknown fields."""
    told = error.model_dump(mode="json", exclude_defaults=True)
    for key in ("message", "traceback"):
        told[key] = shortened(told[key], MAX_RECORD_TEXT_CHARACTERS)
    return {**told, **({"hint": hint} if hint else {})}


def shortened(text: str, limit: int) -> str:
    """Return `text` with its middle cut so that it keeps to about `limit` characters."""
    if len(text) <= limit:
        return text
    half = limit // 2
    return f"{text[:half]}\n[… {len(text) - 2 * half:,} characters omitted …]\n{text[-half:]}"
