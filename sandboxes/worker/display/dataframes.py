"""Displays of pandas and polars data frames and series; only what is shown is read."""

from __future__ import annotations

import csv
import io
import math
import sys
import time
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from itertools import chain, zip_longest
from typing import TYPE_CHECKING, Any

from bellglass.sandboxes.common import display_bounds as bounds
from bellglass.sandboxes.worker.display import tables
from bellglass.sandboxes.worker.display.cells import MAX_CELL_CHARACTERS, short, text_of
from bellglass.sandboxes.worker.display.overflow_files import Write
from bellglass.sandboxes.worker.display.tables import Column

if TYPE_CHECKING:
    from bellglass.sandboxes.wire.schema.execution import ShownTable

CELLS_PER_WRITE = 20_000
"""Cells that are written as CSV at a time."""

WRITE_TIMEOUT_SECONDS = 0.5
"""Seconds for writing a whole table, which nobody may want. Half a million numbers take them."""

MAX_WHOLE_ROWS, END_ROWS = 30, 10
"""Rows up to which all are shown, and how many of a longer table, half of them at each end."""

MAX_ROWS, MAX_COLUMNS, MAX_CELLS = 1_000, 200, 20_000
"""The limit if the code has set pandas to show tables without one: more than fits a result."""

MAX_TYPES_CHARACTERS = 400
"""Characters that list the types of columns."""


def is_frame(value: Any) -> bool:
    """Tell a frame from a series; `value` is one of the two."""
    return issubclass(type(value), sys.modules[library_of(value)].DataFrame)


def library_of(value: Any) -> str:
    """Return the library whose frame or series `value` is, or an empty text."""
    for name in ("pandas", "polars"):
        module: Any = sys.modules.get(name)
        if module is not None and issubclass(type(value), (module.DataFrame, module.Series)):
            return name
    return ""


def is_styler(value: Any) -> bool:
    module: Any = sys.modules.get("pandas.io.formats.style")
    return module is not None and issubclass(type(value), module.Styler)


def entry(value: Any, write: Write) -> ShownTable:
    """Return the display of a frame or a series."""
    return (_of_pandas if library_of(value) == "pandas" else _of_polars)(value, write)


def _title(value: Any, rows: int, columns: int) -> str:
    name = type(value).__name__
    if is_frame(value):
        return f"{name}: {_count(rows, 'row')} x {_count(columns, 'column')}"
    label = value.name
    named = f" {label!r}" if label not in (None, "") else ""
    return f"{name}{named}: {_count(rows, 'value')}"


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _is_long(cells: Iterable[Any], most: int | None) -> bool:
    return most is not None and any(len(text_of(cell)) > most for cell in cells)


# --- pandas

PANDAS = {
    "display.max_rows": ((60,), MAX_WHOLE_ROWS),
    "display.min_rows": ((10,), END_ROWS),
    "display.max_columns": ((0, 20), 20),
    "display.width": ((80,), 240),
    "display.max_colwidth": ((50,), 60),
    "display.show_dimensions": (("truncate",), False),
}
"""Options of pandas with its own defaults: ours replace those that the code has not changed."""


@contextmanager
def _options(columns: int) -> Generator[dict[str, Any]]:
    """Set options of pandas that suit a model, unless the code has set them itself.

    Yields the options in effect.
    """
    pandas: Any = sys.modules["pandas"]
    found = {}
    for name, (defaults, ours) in PANDAS.items():
        value = pandas.get_option(name)
        found[name] = ours if value in defaults else value
    most = min(found["display.max_columns"] or MAX_COLUMNS, MAX_COLUMNS)
    room = MAX_CELLS // max(1, min(columns, most))
    rows = min(found["display.max_rows"] or MAX_ROWS, MAX_ROWS, room)
    found["display.max_columns"], found["display.max_rows"] = most, rows
    found["display.min_rows"] = max(2, min(found["display.min_rows"] or rows, rows))
    with pandas.option_context(*chain.from_iterable(found.items())):
        yield found


def _of_pandas(value: Any, write: Write) -> ShownTable:
    frame = value
    if not is_frame(value):
        frame = value.to_frame(name="" if value.name is None else value.name)
    with _options(frame.shape[1]) as options:
        text = repr(_rounded(value, options))
    rows = tables.part(len(frame), options["display.max_rows"], options["display.min_rows"])
    most = options["display.max_columns"]
    columns = tables.part(frame.shape[1], most, most)
    half = columns.shown - columns.shown // 2
    numbers = [*range(half), *range(frame.shape[1] - columns.shown + half, frame.shape[1])]
    head = frame.iloc[: max(rows.shown, bounds.MAX_ROWS), numbers]
    half_rows = rows.shown - rows.shown // 2
    last = range(rows.total - rows.shown + half_rows, rows.total)
    ends = frame.iloc[[*range(half_rows), *last], numbers]
    names = [
        Column("" if name is None else str(name), "", head.index.get_level_values(level).tolist())
        for level, name in enumerate(frame.index.names)
    ]
    cells = [
        Column(_label(frame.columns[at]), str(frame.dtypes.iloc[at]), head.iloc[:, place].tolist())
        for place, at in enumerate(numbers)
    ]
    title = _title(value, rows.total, frame.shape[1])
    if is_frame(value):
        types = ", ".join(f"{column.name} {column.dtype}" for column in cells)
        if len(cells) > 1 and len({column.dtype for column in cells}) == 1:
            types = f"all {cells[0].dtype}"
        title += f" ({short(types, MAX_TYPES_CHARACTERS)})" if types else ""
    shown = (ends.iloc[:, place].tolist() for place in range(len(numbers)))
    return tables.entry(
        f"{title}\n{text}",
        rows,
        columns,
        [*names, *cells],
        long_cells=_is_long(chain.from_iterable(shown), options["display.max_colwidth"]),
        whole=_pandas_csv(frame),
        by_hand="df.to_csv('name.csv')",
        write=write,
    )


DIGITS = 6
"""Decimals of pandas, and the digits that a number has here."""


def _rounded(value: Any, options: dict[str, Any]) -> Any:
    """Return what is shown of a frame or series, its floats rounded, unless the code sets digits.

    It has more rows and columns than are shown, so that pandas puts the dots between them.
    """
    pandas: Any = sys.modules["pandas"]
    if (
        pandas.get_option("display.precision") != DIGITS
        or pandas.get_option("display.float_format") is not None
        or type(value) not in (pandas.DataFrame, pandas.Series)
    ):
        return value
    value = value.iloc[_ends(len(value), options["display.max_rows"])]
    if type(value) is pandas.Series:
        return value.round(_decimals(value)) if value.dtype.kind == "f" else value
    value = value.iloc[:, _ends(value.shape[1], options["display.max_columns"])].copy()
    for at, dtype in enumerate(value.dtypes):
        if dtype.kind == "f":
            column = value.iloc[:, at]
            value.isetitem(at, column.round(_decimals(column)))
    return value


def _ends(count: int, most: int) -> Any:
    """Return the positions of all, or of a few more than `most` at both ends."""
    half = most // 2 + 1
    return slice(None) if count <= 2 * half else [*range(half), *range(count - half, count)]


def _decimals(column: Any) -> int:
    """Return decimals for all digits of the largest number, four of most, one of the smallest."""
    numbers = (abs(float(number)) for number in column.tolist())
    ordered = sorted(number for number in numbers if 0 < number < math.inf)
    if not ordered:
        return DIGITS
    wanted = ((ordered[-1], DIGITS), (ordered[len(ordered) // 2], 4), (ordered[0], 1))
    decimals = max(digits - 1 - math.floor(math.log10(number)) for number, digits in wanted)
    return decimals if decimals < DIGITS else MAX_DECIMALS


MAX_DECIMALS = 15
"""Decimals that keep a small number as it is: pandas writes it with an exponent."""


def styled(value: Any) -> str:
    """Return the table of a pandas Styler as text."""
    with _options(value.data.shape[1]) as options:
        most = {"max_rows": options["display.max_rows"]}
        most["max_columns"] = options["display.max_columns"]
        lines = value.to_string(delimiter="\t", **most).rstrip("\n").split("\n")
    rows = [[short(cell) for cell in line.split("\t")] for line in lines]
    widths = [max(map(len, column)) for column in zip_longest(*rows, fillvalue="")]
    title = f"Styler: {_title(value.data, *value.data.shape)}"
    padded = ("  ".join(map(str.ljust, cells, widths)).rstrip() for cells in rows)
    return "\n".join([title, *padded])


def _label(name: Any) -> str:
    return " / ".join(map(str, name)) if isinstance(name, tuple) else str(name)


def _pandas_csv(frame: Any) -> Iterator[bytes]:
    deadline = time.monotonic() + WRITE_TIMEOUT_SECONDS
    rows = max(1, CELLS_PER_WRITE // max(1, frame.shape[1]))
    for start in range(0, max(1, len(frame)), rows):
        if time.monotonic() > deadline:
            raise OSError("took too long")
        part = frame.iloc[start : start + rows]
        yield part.to_csv(header=start == 0).encode("utf-8", "replace")


# --- polars


POLARS: dict[str, tuple[str, Any]] = {
    "POLARS_FMT_MAX_COLS": ("tbl_cols", 20),
    "POLARS_FMT_STR_LEN": ("fmt_str_lengths", MAX_CELL_CHARACTERS),
    "POLARS_FMT_TABLE_FORMATTING": ("tbl_formatting", "NOTHING"),
    "POLARS_FMT_TABLE_HIDE_DATAFRAME_SHAPE_INFORMATION": ("tbl_hide_dataframe_shape", True),
    "POLARS_TABLE_WIDTH": ("tbl_width_chars", 240),
}
"""Parameters of `polars.Config` that we set unless the code has set them."""


def _of_polars(value: Any, write: Write) -> ShownTable:
    polars: Any = sys.modules["polars"]
    frame = value if is_frame(value) else value.to_frame()
    state = polars.Config.state()
    ours = {name: most for env, (name, most) in POLARS.items() if state.get(env) is None}
    rows = tables.part(frame.height, MAX_WHOLE_ROWS, END_ROWS)
    if set_rows := state.get("POLARS_FMT_MAX_ROWS"):
        most = int(set_rows) if 0 <= int(set_rows) < MAX_ROWS else MAX_ROWS
        rows = tables.part(frame.height, most, most)
    columns = int(state.get("POLARS_FMT_MAX_COLS") or 20)
    columns = columns if 0 <= columns < MAX_COLUMNS else MAX_COLUMNS
    shown = tables.part(frame.width, columns, columns)
    with polars.Config(**{**ours, "tbl_rows": rows.shown, "tbl_cols": shown.shown}):
        text = str(frame)
    head = frame.head(bounds.MAX_ROWS)
    ends = frame.head(rows.shown // 2).iter_rows(), frame.tail(rows.shown // 2).iter_rows()
    texts = (cell for end in ends for row in end for cell in row if type(cell) is str)
    return tables.entry(
        f"{_title(value, frame.height, frame.width)}\n{text}",
        rows,
        shown,
        [
            Column(name, str(dtype), head.get_column(name).to_list())
            for name, dtype in zip(frame.columns[:MAX_COLUMNS], frame.dtypes)
        ],
        long_cells=_is_long(texts, int(state.get("POLARS_FMT_STR_LEN") or MAX_CELL_CHARACTERS)),
        whole=_polars_csv(frame),
        by_hand="df.write_csv('name.csv')",
        write=write,
    )


def _polars_csv(frame: Any) -> Iterator[bytes]:
    deadline = time.monotonic() + WRITE_TIMEOUT_SECONDS
    rows = max(1, CELLS_PER_WRITE // max(1, frame.width))
    for start in range(0, max(1, frame.height), rows):
        if time.monotonic() > deadline:
            raise OSError("took too long")
        part = frame.slice(start, rows)
        try:
            buffer = io.BytesIO()
            part.write_csv(buffer, include_header=start == 0)
            yield buffer.getvalue()
        except Exception:  # polars refuses columns of lists and others
            text = io.StringIO()
            writer = csv.writer(text)
            writer.writerows([frame.columns] if start == 0 else [])
            writer.writerows(part.rows())
            yield text.getvalue().encode("utf-8", "replace")
