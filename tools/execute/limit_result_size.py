"""Limit every result to a size that clients accept, whatever code printed and showed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mcp.types import CallToolResult, TextContent

from bellglass.tools.execute.displays import VIEW
from bellglass.tools.execute.text_layout import LAYOUT

if TYPE_CHECKING:
    from mcp.types import ContentBlock

MAX_RESULT_BYTES = 880_000
"""Bytes of a result as JSON: clients fail at 1 MB, and the envelope needs some."""

CUT = "\n[… {gone:,} characters are left out here: the result would be too large …]\n"

MAX_BYTES_PER_CHARACTER = 6
"""The largest number of bytes of one character in JSON."""

MIN_CUT_CHARACTERS = 2_000
"""The least number of characters to which a text is cut."""


def fitted(result: CallToolResult) -> CallToolResult:
    """Return `result` small enough: without data for the view, then with texts cut.

    Pictures and links are bounded where they are made.
    """
    if _surely_small(result) or _size(result) <= MAX_RESULT_BYTES:
        return result
    meta = dict(result.meta or {})
    shown: list[dict[str, Any]] = meta.get(VIEW, [])
    meta[VIEW] = [{"type": entry["type"], "omitted": True} for entry in shown]
    meta.pop(LAYOUT, None)  # it describes whole texts only
    result = result.model_copy(update={"meta": meta})
    while (over := _size(result) - MAX_RESULT_BYTES) > 0:
        texts = [block for block in result.content if isinstance(block, TextContent)]
        longest = max(texts, key=lambda block: len(block.model_dump_json()))
        shorter = _shorter(longest, over)
        if shorter is longest:
            break
        content: list[ContentBlock] = [
            shorter if block is longest else block for block in result.content
        ]
        result = result.model_copy(update={"content": content})
    return result


def _surely_small(result: CallToolResult) -> bool:
    """Tell if measuring is unnecessary: most results are a few lines of text."""
    if VIEW in (result.meta or {}):
        return False
    texts = [block for block in result.content if isinstance(block, TextContent)]
    most = sum(len(block.text) for block in texts)
    return (
        len(texts) == len(result.content)
        and most * MAX_BYTES_PER_CHARACTER <= MAX_RESULT_BYTES // 2
    )


def _size(result: CallToolResult) -> int:
    return len(result.model_dump_json(by_alias=True, exclude_none=True).encode())


def _shorter(block: TextContent, over: int) -> TextContent:
    """Return a text with its middle cut out, so that it takes `over` bytes less."""
    length = len(block.text)
    # A character may take one byte, or six.
    per_character = max(1.0, len(block.model_dump_json().encode()) / max(1, length))
    kept = max(MIN_CUT_CHARACTERS, length - int(over / per_character) - 200)
    if kept >= length:
        return block
    half = kept // 2
    cut = CUT.format(gone=length - 2 * half)
    return TextContent(type="text", text=block.text[:half] + cut + block.text[-half:])
