"""Tables: a model reads their library's own text, with a note about what was left out."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from bellglass.sandboxes.common import display_bounds as bounds
from bellglass.sandboxes.worker.display.cells import json_of
from bellglass.sandboxes.worker.display.overflow_files import Write

if TYPE_CHECKING:
    from bellglass.sandboxes.wire.schema.execution import ShownTable


class Column(NamedTuple):
    """A column with the cells that a client can show."""

    name: str
    dtype: str
    cells: Sequence[Any]


class Part(NamedTuple):
    """How many rows, or columns, there are, and how many the text has."""

    total: int
    shown: int


def part(count: int, most: int, ends: int) -> Part:
    """Return what is shown of `count`: all up to `most`, else `ends`, half of them at each end."""
    return Part(count, count if count <= most else max(1, ends // 2 * 2))


def entry(
    text: str,
    rows: Part,
    columns: Part,
    cells: Sequence[Column],
    *,
    long_cells: bool,
    whole: Iterable[bytes],
    by_hand: str,
    write: Write,
) -> ShownTable:
    """Return the display of a table; `whole` is its CSV, read only if `text` is incomplete.

    `by_hand` is the expression that writes it in code.
    """
    said = []
    if rows.shown < rows.total:
        said.append(f"{rows.total - rows.shown:,} rows in the middle are left out")
    if gone := columns.total - columns.shown:
        names = f"{gone} columns" if gone > 1 else "1 column"
        said.append(f"{names} in the middle {'are' if gone > 1 else 'is'} left out")
    if long_cells:
        said.append("long cells are cut")
    if len(text) > bounds.MAX_TEXT_CHARACTERS:
        # First, because the note names the file.
        text = text[: bounds.MAX_TEXT_CHARACTERS]
        said.append("lines are cut")
    path, written = "", 0
    if said:
        path, written, complete = write("table", "csv", whole)
        text += f"\n[{', '.join(said)}. {_where(path, complete, by_hand)}]"
    return {
        "kind": "table",
        "text": text,
        "columns": [{"name": column.name[:200], "dtype": column.dtype[:50]} for column in cells],
        "rows": _rows(cells),
        "total_rows": rows.total,
        "file": path or None,
        "file_bytes": written,
    }


def _where(path: str, complete: bool, by_hand: str) -> str:
    if not path:
        return f"There is no room for all of it; keep it with {by_hand}"
    if complete:
        return f"All of it as CSV: {path}"
    return f"As CSV, its first rows: {path}; all of it with {by_hand}"


def _rows(columns: Sequence[Column]) -> list[list[Any]]:
    """Return the first rows for the view, as many as fit."""
    rows: list[list[Any]] = []
    room = bounds.MAX_DATA_CHARACTERS
    columns = columns[: bounds.MAX_COLUMNS]
    for at in range(
        min(bounds.MAX_ROWS, max((len(column.cells) for column in columns), default=0))
    ):
        row = [json_of(column.cells[at]) for column in columns]
        room -= len(json.dumps(row))
        if room < 0:
            break
        rows.append(row)
    return rows
