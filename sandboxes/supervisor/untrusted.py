"""What a worker says of itself, in the shape that was agreed: the reply must hold.

It runs foreign code, which may answer in its place. What has another shape is dropped.
"""

from __future__ import annotations

import json
import re
from typing import Any

from bellglass.sandboxes.common import display_bounds
from bellglass.sandboxes.wire.framing import Message

TEXT = 50_000
"""Characters of one text; our own code sends less."""

NAME = 1_000
"""Characters of a name, and of each of the values of names."""

ENTRIES = 20
"""Entries of a list or a record of an error."""

PICTURE = {
    "image/png": re.compile("iVBORw0KGgo[A-Za-z0-9+/]*={0,2}"),
    "image/jpeg": re.compile("/9j/[A-Za-z0-9+/]*={0,2}"),
}
"""In base64."""


def text(claim: object) -> str | None:
    return claim[:TEXT] if isinstance(claim, str) else None


def display(claim: Any, call: int) -> Message | None:
    """A display of the call of that number, as `display/` makes them."""
    if not isinstance(claim, dict) or not isinstance(claim.get("text"), str):
        return None
    kept: Message = {
        "kind": claim.get("kind"),
        "text": claim["text"][: display_bounds.MAX_TEXT_CHARACTERS + NAME],
    }
    make = _DISPLAYS.get(str(kept["kind"]))
    part = make(claim) if make is not None else None
    if part is None:
        return None
    kept.update(part)
    kept["file"], kept["file_bytes"] = None, count(claim.get("file_bytes"))
    kinds = "|".join(display_bounds.FILE_KINDS)
    name = claim.get("file")
    if isinstance(name, str) and re.fullmatch(rf"/tmp/({kinds})-{call}-\d{{1,3}}\.\w{{1,5}}", name):
        kept["file"] = name
    return kept


def _picture(claim: Message) -> Message | None:
    kind, data = claim.get("type"), claim.get("data")
    if kind not in display_bounds.PICTURES:
        return None
    if data is None:
        return {"type": kind, "data": None}
    if not isinstance(data, str) or len(data) > display_bounds.MAX_PICTURE_BYTES * 4 // 3 + 100:
        return None
    whole = len(data) % 4 == 0 and PICTURE[kind].fullmatch(data)
    return {"type": kind, "data": data} if whole else None


def _rich(claim: Message) -> Message | None:
    kind, data = claim.get("type"), claim.get("data")
    if kind not in display_bounds.MARKUP or not isinstance(data, (str, type(None))):
        return None
    return {
        "type": kind,
        "data": data
        if data is not None and len(data) <= display_bounds.MAX_DATA_CHARACTERS
        else None,
    }


def _table(claim: Message) -> Message | None:
    columns, rows = claim.get("columns"), claim.get("rows")
    if not isinstance(columns, list) or not isinstance(rows, list):
        return None
    named = [
        {"name": _name(column.get("name")), "dtype": _name(column.get("dtype"))}
        for column in columns[: display_bounds.MAX_COLUMNS]
        if isinstance(column, dict)
    ]
    try:
        fits = len(json.dumps(rows)) <= display_bounds.MAX_DATA_CHARACTERS + NAME
    except RecursionError:
        fits = False
    cells = all(isinstance(row, list) and all(map(_is_cell, row)) for row in rows)
    kept = rows[: display_bounds.MAX_ROWS] if fits and cells else []
    return {"columns": named, "rows": kept, "total_rows": count(claim.get("total_rows"))}


def _is_cell(claim: object) -> bool:
    if isinstance(claim, int):
        return abs(claim) < 1 << 53
    if isinstance(claim, float):
        return claim - claim == 0  # neither infinite nor no number
    return claim is None or (isinstance(claim, str) and len(claim) <= NAME)


_DISPLAYS = {"picture": _picture, "rich": _rich, "table": _table}


def count(claim: object) -> int:
    return claim if isinstance(claim, int) and 0 <= claim < 1 << 48 else 0


def error(claim: Any) -> Message | None:
    """An exception, as `explaining.describe` has it."""
    texts = ("name", "message", "traceback")
    if not isinstance(claim, dict) or not all(isinstance(claim.get(key), str) for key in texts):
        return None
    kept: Message = {key: claim[key][:TEXT] for key in texts}
    kept["name"] = kept["name"][:NAME]
    kept["line"] = count(claim.get("line")) or None
    for key in ("where", "target", "missing"):
        kept[key] = _name(claim.get(key))
    kept["code"] = (text(claim.get("code")) or "")[:NAME]
    for key in ("suggestions", "available"):
        names = claim.get(key)
        kept[key] = [_name(name) for name in names[:ENTRIES]] if isinstance(names, list) else []
    values = claim.get("values")
    entries = list(values.items())[:ENTRIES] if isinstance(values, dict) else []
    kept["values"] = {_name(name): _name(value) for name, value in entries}
    return kept


def _name(claim: object) -> str:
    return claim[:NAME] if isinstance(claim, str) else ""
