"""Validation of what a worker sends.

The worker runs foreign code, which may answer in its place. Whatever has an unexpected shape is
dropped.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from bellglass.sandboxes.common import display_bounds

if TYPE_CHECKING:
    from bellglass.sandboxes.wire.schema.basics import ClaimedStatus
    from bellglass.sandboxes.wire.schema.execution import (
        Column,
        ExecutionError,
        Shown,
        ShownPicture,
        ShownRich,
        ShownTable,
        ShownText,
    )
    from bellglass.sandboxes.wire.schema.packets import Answered, Claim

MAX_TEXT_CHARACTERS = 50_000
"""Characters of one text; our own code sends fewer."""

MAX_NAME_CHARACTERS = 1_000
"""Characters of a name, and of each value of a name."""

MAX_ENTRIES = 20
"""Entries of a list or a dict in an error."""

PICTURE = {
    "image/png": re.compile("iVBORw0KGgo[A-Za-z0-9+/]*={0,2}"),
    "image/jpeg": re.compile("/9j/[A-Za-z0-9+/]*={0,2}"),
}
"""Characters in base64."""


def text(claim: object) -> str | None:
    return claim[:MAX_TEXT_CHARACTERS] if isinstance(claim, str) else None


def count(claim: object) -> int:
    return claim if isinstance(claim, int) and 0 <= claim < 1 << 48 else 0


def answer(claim: Claim) -> Answered:
    """Validate the worker's report of the code that it has run."""
    status, code = claim.get("status"), claim.get("exit_code")
    known: tuple[ClaimedStatus, ...] = ("ok", "error", "exit")
    return {
        "status": next((name for name in known if name == status), "error"),
        "exit_code": code if isinstance(code, int) and abs(code) < 1 << 31 else None,
        "value": text(claim.get("value")),
        "error": error(claim.get("error")),
        "changed": claim.get("changed") is not False,
        "background_bytes": count(claim.get("background_bytes")),
    }


def error(claim: Any) -> ExecutionError | None:
    """Validate an exception, as `explaining.describe` sends it."""
    texts = ("name", "message", "traceback")
    if not isinstance(claim, dict) or not all(isinstance(claim.get(key), str) for key in texts):
        return None
    values = claim.get("values")
    entries = list(values.items())[:MAX_ENTRIES] if isinstance(values, dict) else []
    return {
        "name": _name(claim["name"]),
        "message": claim["message"][:MAX_TEXT_CHARACTERS],
        "traceback": claim["traceback"][:MAX_TEXT_CHARACTERS],
        "line": count(claim.get("line")) or None,
        "where": _name(claim.get("where")),
        "code": _name(claim.get("code")),
        "values": {_name(name): _name(value) for name, value in entries},
        "missing": _name(claim.get("missing")),
        "target": _name(claim.get("target")),
        "suggestions": _names(claim.get("suggestions")),
        "available": _names(claim.get("available")),
    }


def display(claim: Any, call: int) -> Shown | None:
    """Validate a display of the call of that number, as `worker/display` sends it."""
    if not isinstance(claim, dict) or not isinstance(claim.get("text"), str):
        return None
    shown: ShownText = {
        "text": claim["text"][: display_bounds.MAX_TEXT_CHARACTERS + MAX_NAME_CHARACTERS],
        "file": _file(claim.get("file"), call),
        "file_bytes": count(claim.get("file_bytes")),
    }
    kind = claim.get("kind")
    if kind == "picture":
        return _picture(claim, shown)
    if kind == "rich":
        return _rich(claim, shown)
    return _table(claim, shown) if kind == "table" else None


def _file(claim: object, call: int) -> str | None:
    kinds = "|".join(display_bounds.FILE_KINDS)
    pattern = rf"/tmp/({kinds})-{call}-\d{{1,3}}\.\w{{1,5}}"
    return claim if isinstance(claim, str) and re.fullmatch(pattern, claim) else None


def _picture(claim: Claim, shown: ShownText) -> ShownPicture | None:
    kind, data = claim.get("type"), claim.get("data")
    if kind not in display_bounds.PICTURES:
        return None
    if data is not None:
        if not isinstance(data, str) or len(data) > display_bounds.MAX_PICTURE_BYTES * 4 // 3 + 100:
            return None
        if len(data) % 4 or not PICTURE[kind].fullmatch(data):
            return None
    return {**shown, "kind": "picture", "type": kind, "data": data}


def _rich(claim: Claim, shown: ShownText) -> ShownRich | None:
    kind, data = claim.get("type"), claim.get("data")
    if kind not in display_bounds.MARKUP or not isinstance(data, (str, type(None))):
        return None
    if data is not None and len(data) > display_bounds.MAX_DATA_CHARACTERS:
        data = None
    return {**shown, "kind": "rich", "type": kind, "data": data}


def _table(claim: Claim, shown: ShownText) -> ShownTable | None:
    columns, rows = claim.get("columns"), claim.get("rows")
    if not isinstance(columns, list) or not isinstance(rows, list):
        return None
    named: list[Column] = [
        {"name": _name(column.get("name")), "dtype": _name(column.get("dtype"))}
        for column in columns[: display_bounds.MAX_COLUMNS]
        if isinstance(column, dict)
    ]
    try:
        fits = len(json.dumps(rows)) <= display_bounds.MAX_DATA_CHARACTERS + MAX_NAME_CHARACTERS
    except RecursionError:
        fits = False
    cells = all(isinstance(row, list) and all(map(_is_cell, row)) for row in rows)
    return {
        **shown,
        "kind": "table",
        "columns": named,
        "rows": rows[: display_bounds.MAX_ROWS] if fits and cells else [],
        "total_rows": count(claim.get("total_rows")),
    }


def _is_cell(claim: object) -> bool:
    if isinstance(claim, int):
        return abs(claim) < 1 << 53
    if isinstance(claim, float):
        return claim - claim == 0  # neither infinite nor NaN
    return claim is None or (isinstance(claim, str) and len(claim) <= MAX_NAME_CHARACTERS)


def _names(claim: object) -> list[str]:
    return [_name(name) for name in claim[:MAX_ENTRIES]] if isinstance(claim, list) else []


def _name(claim: object) -> str:
    return claim[:MAX_NAME_CHARACTERS] if isinstance(claim, str) else ""
