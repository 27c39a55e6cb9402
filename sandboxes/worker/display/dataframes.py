"""Data frames and series of pandas and polars, read as far as they are shown."""

from __future__ import annotations

import csv
import io
import sys
import time
from collections.abc import Iterator
from itertools import zip_longest
from typing import Any

from bellglass.sandboxes.common import display_bounds
from bellglass.sandboxes.worker.display import pandas_options, tables
from bellglass.sandboxes.worker.display.overflow_files import Write
from bellglass.sandboxes.worker.display.tables import Column, Table

CHUNK = 20_000
"""Cells that are written as CSV at a time."""

SECONDS = 1.5
"""For writing all of a table. A million numbers take one."""


def is_frame(value: Any) -> bool:
    """Tell a frame from a series, given one of the two."""
    return issubclass(type(value), sys.modules[library_of(value)].DataFrame)


def library_of(value: Any) -> str:
    """Return the name of the library whose frame or series `value` is, or nothing."""
    for name in ("pandas", "polars"):
        module: Any = sys.modules.get(name)
        if module is not None and issubclass(type(value), (module.DataFrame, module.Series)):
            return name
    return ""


def is_styler(value: Any) -> bool:
    module: Any = sys.modules.get("pandas.io.formats.style")
    return module is not None and issubclass(type(value), module.Styler)


def styled(value: Any) -> str:
    """Return what a Styler of pandas shows, as text."""
    fit, _ = pandas_options.wanted()
    most = {"max_rows": fit.all_rows, "max_columns": fit.all_columns}
    lines = value.to_string(delimiter="\t", **most).rstrip("\n").split("\n")
    rows = [line.split("\t") for line in lines]
    columns = list(map(list, zip_longest(*rows, fillvalue="")))
    title = f"Styler: {_title(value.data, *value.data.shape)}"
    return "\n".join([title, *tables.aligned(columns, fit.cell)])


def entry(value: Any, write: Write) -> dict[str, Any]:
    """Return the display of a frame or a series."""
    if library_of(value) == "pandas":
        frame = _pandas_frame(value)
        return tables.entry(_of_pandas(value, frame), _pandas_csv(frame), write, pandas=True)
    frame = value if is_frame(value) else value.to_frame()
    return tables.entry(_of_polars(value, frame), _polars_csv(frame), write, pandas=False)


def _title(value: Any, rows: int, columns: int) -> str:
    name = type(value).__name__
    if is_frame(value):
        return f"{name}: {_count(rows, 'row')} x {_count(columns, 'column')}"
    label = value.name
    named = f" {label!r}" if label not in (None, "") else ""
    return f"{name}{named}: {_count(rows, 'value')}"


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


# --- pandas


def _pandas_frame(value: Any) -> Any:
    if is_frame(value):
        return value
    return value.to_frame(name="" if value.name is None else value.name)


def _of_pandas(value: Any, frame: Any) -> Table:
    rows = len(frame)
    fit, formatted = pandas_options.wanted()
    first, last = fit.rows(rows)
    head = frame.iloc[: max(first, display_bounds.ROWS)]
    tail = frame.iloc[len(frame) - last :]
    numbers, hidden = fit.columns(frame.shape[1])
    columns = []
    for at in numbers:
        of_head, of_tail = head.iloc[:, at], tail.iloc[:, at]
        column = Column(
            _label(frame.columns[at]),
            str(frame.dtypes.iloc[at]),
            of_head.tolist(),
            of_tail.tolist(),
        )
        if formatted:
            shown = frame.iloc[[*range(first), *range(rows - last, rows)], at]
            column.texts = pandas_options.texts_of(shown)
        columns.append(column)
    index = [
        Column(
            "" if name is None else str(name),
            "",
            head.index.get_level_values(level).tolist(),
            tail.index.get_level_values(level).tolist(),
        )
        for level, name in enumerate(frame.index.names)
    ]
    table = Table(_title(value, rows, frame.shape[1]), rows, index, columns, fit)
    table.hidden = hidden
    return table


def _label(name: Any) -> str:
    return " / ".join(map(str, name)) if isinstance(name, tuple) else str(name)


def _pandas_csv(frame: Any) -> Iterator[bytes]:
    deadline = time.monotonic() + SECONDS
    rows = max(1, CHUNK // max(1, frame.shape[1]))
    for start in range(0, max(1, len(frame)), rows):
        if time.monotonic() > deadline:
            raise OSError("took too long")
        part = frame.iloc[start : start + rows]
        yield part.to_csv(header=start == 0).encode("utf-8", "replace")


# --- polars


def _of_polars(value: Any, frame: Any) -> Table:
    rows = frame.height
    fit = tables.Fit()
    _, last = fit.rows(rows)
    numbers, hidden = fit.columns(frame.width)
    head = frame.head(max(fit.all_rows, display_bounds.ROWS))
    tail = frame.tail(last) if last else frame.head(0)
    columns = [
        Column(
            frame.columns[at],
            str(frame.dtypes[at]),
            head.to_series(at).to_list(),
            tail.to_series(at).to_list(),
        )
        for at in numbers
    ]
    table = Table(_title(value, rows, frame.width), rows, [], columns)
    table.hidden = hidden
    return table


def _polars_csv(frame: Any) -> Iterator[bytes]:
    deadline = time.monotonic() + SECONDS
    rows = max(1, CHUNK // max(1, frame.width))
    for start in range(0, max(1, frame.height), rows):
        if time.monotonic() > deadline:
            raise OSError("took too long")
        part = frame.slice(start, rows)
        try:
            buffer = io.BytesIO()
            part.write_csv(buffer, include_header=start == 0)
            yield buffer.getvalue()
        except Exception:  # it refuses columns of lists and the like
            text = io.StringIO()
            writer = csv.writer(text)
            writer.writerows([frame.columns] if start == 0 else [])
            writer.writerows(part.rows())
            yield text.getvalue().encode("utf-8", "replace")
