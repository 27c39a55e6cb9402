"""Cut text to a maximum length."""

from __future__ import annotations

MAX_TEXT_CHARACTERS = 8_000
"""Characters kept of a value, a message or a traceback; two of them fit into one packet."""


def shortened(text: str, most: int = MAX_TEXT_CHARACTERS) -> str:
    """Return `text`, or its head and tail with a note of how much is omitted between them."""
    if len(text) <= most:
        return text
    half = most // 2
    return f"{text[:half]} … [{len(text) - 2 * half:,} characters omitted] … {text[-half:]}"


def short(text: str, most: int) -> str:
    """Return `text`, or its head and an ellipsis, in at most `most` characters."""
    return text if len(text) <= most else f"{text[: most - 1]}…"
