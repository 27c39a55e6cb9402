"""Layout of a result's text, for a view: which lines the program wrote, and which are ours."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from mcp.server.apps import client_supports_apps

from bellglass.tools.terminal import as_shown, counted

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mcp.types import ImageContent

    from bellglass.tools.context import Request

LAYOUT = "bellglass/layout"
"""The key in `_meta` of the kinds of lines in order, as `[kind, lines]`; an image has none.

A third element is the text as the program wrote it, if a model got another: the view shows its
colours.
"""

Kind = Literal["failure", "heading", "stdout", "display", "picture", "value", "stderr", "note"]


class Part(str):
    """A part of the text, and its kind. A part without a kind is a note of ours."""

    __slots__ = ("kind", "written")

    kind: Kind
    written: str
    """The text as the program wrote it."""

    def __new__(cls, kind: Kind, text: str, written: str | None = None) -> Part:
        part = super().__new__(cls, text)
        part.kind = kind
        part.written = text if written is None else written
        return part

    @classmethod
    def shown(cls, kind: Kind, written: str) -> Part:
        """Return what a terminal would show of a program's output, with repeated lines counted."""
        text = as_shown(written)
        return cls(kind, counted(text) if kind in ("stdout", "stderr") else text, written)


def layout_of(parts: Iterable[str | ImageContent], request: Request) -> dict[str, Any]:
    """Return the layout, for a client that has a view."""
    if not client_supports_apps(request):
        return {}
    return {LAYOUT: [_entry(part) for part in parts]}


def _entry(part: str | ImageContent) -> list[str | int]:
    if not isinstance(part, str):
        return ["image", 0]
    lines = part.count("\n") + 1
    if not isinstance(part, Part):
        return ["note", lines]
    return [part.kind, lines, *([part.written] if part.written != part else [])]
