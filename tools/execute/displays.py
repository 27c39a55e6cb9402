"""Displays of code in order with its output: blocks for the model, data for a view."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

from mcp.types import ImageContent, TextContent

from bellglass.sandboxes.execution import Picture, Table
from bellglass.tools.execute.text_layout import Part
from bellglass.tools.files.addresses import file_uri
from bellglass.tools.files.links import link_to

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from mcp.types import ContentBlock, ResourceLink

    from bellglass.sandboxes.execution import Execution, Rich
    from bellglass.sandboxes.sessions.session import Session

VIEW = "bellglass/displays"
"""The key in `_meta` of the data for clients that have a view."""

MAX_VIEW_BYTES = 200_000
"""Bytes of all of that data as JSON."""

TABLE = "application/vnd.bellglass.table+json"


def in_order(execution: Execution) -> Iterator[str | ImageContent]:
    """Yield stdout as a model reads it, with the displays at their positions."""
    text, before = execution.stdout.text, 0
    for display in sorted(execution.displays, key=lambda display: display.at):
        if printed := text[before : display.at].rstrip("\n"):
            yield Part.shown("stdout", printed)
        before = max(before, display.at)
        yield Part.shown("picture" if isinstance(display, Picture) else "display", display.text)
        if isinstance(display, Picture) and display.data is not None:
            data = base64.b64encode(display.data).decode()
            yield ImageContent(type="image", data=data, mime_type=display.type)
    if printed := text[before:].rstrip("\n"):
        yield Part.shown("stdout", printed)


def blocks(parts: Iterable[str | ImageContent]) -> list[ContentBlock]:
    """Return content blocks; adjacent texts are joined."""
    content: list[ContentBlock] = []
    lines: list[str] = []
    for part in parts:
        if isinstance(part, str):
            lines.append(part)
            continue
        if lines:
            content.append(TextContent(type="text", text="\n".join(lines)))
            lines = []
        content.append(part)
    if lines:
        content.append(TextContent(type="text", text="\n".join(lines)))
    return content


def links(execution: Execution, session: Session) -> list[ResourceLink]:
    """Return links to the files with the full contents of what was cut."""
    return [
        link_to(display.file, display.file_bytes, session)
        for display in execution.displays
        if display.file is not None
    ]


def for_view(execution: Execution, session: Session) -> list[dict[str, Any]]:
    """Return the displays for a view. Pictures are content blocks already."""
    room = MAX_VIEW_BYTES
    shown = []
    for display in execution.displays:
        if isinstance(display, Picture):
            continue
        entry = _table(display, session) if isinstance(display, Table) else _rich(display)
        size = len(json.dumps(entry, ensure_ascii=False).encode())
        if size > room:
            entry = {"type": entry["type"], "omitted": True}
            size = 0
        room -= size
        shown.append(entry)
    return shown


def _rich(display: Rich) -> dict[str, Any]:
    if display.data is None:
        return {"type": display.type, "omitted": True}
    return {"type": display.type, "text": display.data}


def _table(display: Table, session: Session) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "type": TABLE,
        "columns": [column.model_dump() for column in display.columns],
        "rows": display.rows,
        "total_rows": display.total_rows,
    }
    if display.file is not None:
        entry["uri"] = file_uri(session.id, display.file)
    return entry
