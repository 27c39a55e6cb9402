"""What the text of a result is made of, told to a view: it has the program's words and ours."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from mcp.server.apps import client_supports_apps

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mcp.server.mcpserver import Context
    from mcp.types import ImageContent

LAYOUT = "bellglass/layout"
"""Name in `_meta`: what each run of lines is, in order, as `[kind, lines]`; an image has none."""

Kind = Literal["failure", "heading", "stdout", "display", "picture", "value", "stderr", "note"]


class Part(str):
    """A part of the text, and what it is. A part without a kind is a note of ours."""

    __slots__ = ("kind",)

    kind: Kind

    def __new__(cls, kind: Kind, text: str) -> Part:
        part = super().__new__(cls, text)
        part.kind = kind
        return part


def layout_of(parts: Iterable[str | ImageContent], ctx: Context[Any]) -> dict[str, Any]:
    """Return the layout, for a client that has a place for the view."""
    if not client_supports_apps(ctx):
        return {}
    layout = [
        [part.kind if isinstance(part, Part) else "note", part.count("\n") + 1]
        if isinstance(part, str)
        else ["image", 0]
        for part in parts
    ]
    return {LAYOUT: layout}
