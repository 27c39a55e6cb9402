"""Tables as text that a model can read: size and types, rows and columns cut with a note."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from bellglass.sandboxes.common import display_bounds
from bellglass.sandboxes.worker.display.cells import CELL, json_of, short, text_of
from bellglass.sandboxes.worker.display.overflow_files import Write


class Fit(NamedTuple):
    """How much of a table its text has."""

    all_rows: int = 30
    """A table of so many rows is shown whole."""
    end_rows: int = 10
    """Of a longer one, from its head and from its tail."""
    all_columns: int = 20
    end_columns: int = 8
    width: int = 240
    """Characters of a line: columns from the middle go until it fits."""
    cell: int = CELL

    def rows(self, count: int) -> tuple[int, int]:
        """Return how many rows the text has of the head and of the tail."""
        return (count, 0) if count <= self.all_rows else (self.end_rows, self.end_rows)

    def columns(self, count: int) -> tuple[list[int], int]:
        """Return which columns are read, by number, and how many in the middle are not."""
        if count <= self.all_columns:
            return list(range(count)), 0
        ends = self.end_columns
        return [*range(ends), *range(count - ends, count)], count - 2 * ends


_USUAL = Fit()


class Column:
    """A column, as far as it is shown."""

    def __init__(self, name: str, dtype: str, head: Sequence[Any], tail: Sequence[Any]) -> None:
        self.name = name
        self.dtype = dtype
        self.head = head
        """The first cells, for the view; for the text the first of them."""
        self.tail = tail
        """The last cells, if the table is cut; else nothing."""
        self.texts: list[str] | None = None
        """All cells that the text has, where their library is to format them."""


class Table:
    """A table of some library, cut to what is shown of it."""

    def __init__(
        self,
        title: str,
        rows: int,
        index: Sequence[Column],
        columns: Sequence[Column],
        fit: Fit = _USUAL,
    ) -> None:
        self.title = title
        """What it is, with its size."""
        self.rows = rows
        self.index = index
        """What names the rows; never left out."""
        self.columns = columns
        self.fit = fit
        self.hidden: int = 0
        """Columns in the middle that are not among `columns`."""


def entry(table: Table, whole: Iterable[bytes], write: Write, *, pandas: bool) -> dict[str, Any]:
    """Return the display of `table`; `whole` is all of it as CSV, taken only if it is cut."""
    text, cut = _text(table)
    if len(text) > display_bounds.TEXT:
        # Before the note, which says where all of it is.
        text, cut = text[: display_bounds.TEXT], f"{cut}, lines are cut" if cut else "lines are cut"
    about: dict[str, Any] = {"file": None, "file_bytes": 0}
    if cut:
        path, written, complete = write("table", "csv", whole)
        about = {"file": path or None, "file_bytes": written}
        text += f"\n[{cut}. {_where(path, complete, pandas)}]"
    shown = [*table.index, *table.columns]
    return {
        "kind": "table",
        "text": text,
        "columns": [{"name": column.name[:200], "dtype": column.dtype[:50]} for column in shown],
        "rows": _rows(shown),
        "total_rows": table.rows,
        **about,
    }


def _where(path: str, complete: bool, pandas: bool) -> str:
    by_hand = "df.to_csv('name.csv')" if pandas else "df.write_csv('name.csv')"
    if not path:
        return f"There is no room for all of it; keep it with {by_hand}"
    if complete:
        return f"All of it as CSV: {path}"
    return f"As CSV, its first rows: {path}; all of it with {by_hand}"


def _rows(columns: Sequence[Column]) -> list[list[Any]]:
    """Return the first rows for the view, as many as there is room for."""
    rows: list[list[Any]] = []
    room = display_bounds.DATA
    columns = columns[: display_bounds.COLUMNS]
    for at in range(
        min(display_bounds.ROWS, max((len(column.head) for column in columns), default=0))
    ):
        row = [json_of(column.head[at]) for column in columns]
        room -= len(json.dumps(row))
        if room < 0:
            break
        rows.append(row)
    return rows


def _text(table: Table) -> tuple[str, str]:
    """Return the table as text, and in words what of it is left out."""
    fit = table.fit
    first, last = fit.rows(table.rows)
    index = [_cells(column, first, last) for column in table.index]
    columns = [_cells(column, first, last) for column in table.columns]
    long = any(len(cell) > fit.cell for cells in (*index, *columns) for cell in cells)
    gap = len(columns) if not table.hidden else (len(columns) + 1) // 2
    left, right = columns[:gap], columns[gap:]
    gone = table.hidden
    while len(left) + len(right) > 1 and _width([*index, *left, *right], fit.cell) > fit.width:
        # From the middle outwards.
        if not right:
            half = (len(left) + 1) // 2
            left, right = left[:half], left[half:]
        (left if len(left) > len(right) else right).pop(-1 if len(left) > len(right) else 0)
        gone += 1
    middle = [["…"] * (2 + first + last)] if gone else []
    lines = aligned([*index, *left, *middle, *right], fit.cell)
    if last:
        lines.insert(2 + first, "…")
    said = []
    if last:
        said.append(f"{table.rows - first - last:,} rows in the middle are left out")
    if gone:
        names = f"{gone} columns" if gone > 1 else "1 column"
        said.append(f"{names} in the middle {'are' if gone > 1 else 'is'} left out")
    if long:
        said.append("long cells are cut")
    return "\n".join([table.title, *lines]).rstrip(), ", ".join(said)


def _cells(column: Column, first: int, last: int) -> list[str]:
    """Return name, type and cells of a column, at full length."""
    values = [*column.head[:first], *(column.tail[-last:] if last else ())]
    texts = list(map(text_of, values)) if column.texts is None else column.texts
    return [text_of(column.name), column.dtype, *texts]


def _width(columns: Sequence[Sequence[str]], most: int) -> int:
    return sum(2 + max(len(short(cell, most)) for cell in column) for column in columns)


def aligned(columns: Sequence[Sequence[str]], most: int = CELL) -> list[str]:
    """Return lines with the cells of each column below one another."""
    texts = [[short(cell, most) for cell in column] for column in columns]
    widths = [max(map(len, column)) for column in texts]
    lines = []
    for cells in zip(*texts):
        padded = [cell.ljust(width) for cell, width in zip(cells, widths)]
        lines.append("  ".join(padded).rstrip())
    return lines
