"""What the code has set with `pd.set_option`, as far as it is about how a table is shown."""

from __future__ import annotations

import sys
from typing import Any

from bellglass.sandboxes.worker.display.tables import Fit

DEFAULTS: dict[str, tuple[Any, ...]] = {
    "display.max_rows": (60,),
    "display.min_rows": (10,),
    "display.max_columns": (0, 20),
    "display.width": (80,),
    "display.max_colwidth": (50,),
    "display.precision": (6,),
    "display.float_format": (None,),
    "display.chop_threshold": (None,),
}
"""Of pandas. Where an option has its default, our own measure holds."""

UNLIMITED = 100_000
MAX_ROWS = 1_000  # of a table without a limit: more than bounds.TEXT has room for

_FORMATS = ("display.precision", "display.float_format", "display.chop_threshold")


def wanted() -> tuple[Fit, bool]:
    """Return how much of a table is to be shown, and whether pandas is to format its numbers."""
    pandas: Any = sys.modules["pandas"]
    found = {}
    for name, defaults in DEFAULTS.items():
        value = pandas.get_option(name)
        if value not in defaults:
            found[name] = value
    fit = Fit()
    if not found:
        return fit, False
    rows, shown = fit.all_rows, 2 * fit.end_rows
    if "display.max_rows" in found:
        rows = min(found["display.max_rows"] or MAX_ROWS, MAX_ROWS)
        shown = min(shown, rows)
    if "display.min_rows" in found:
        shown = min(found["display.min_rows"] or rows, max(rows, 2))
    columns, ends, width = fit.all_columns, fit.end_columns, fit.width
    if "display.max_columns" in found:
        columns = found["display.max_columns"] or UNLIMITED
        ends = max(1, columns // 2)
        width = UNLIMITED if columns == UNLIMITED else width
    if "display.width" in found:
        width = max(width, found["display.width"] or UNLIMITED)
    cell = found.get("display.max_colwidth", fit.cell)
    return (
        Fit(rows, max(1, shown // 2), columns, ends, width, cell or UNLIMITED),
        any(name in found for name in _FORMATS),
    )


def texts_of(column: Any) -> list[str] | None:
    """Return the cells of a column of numbers as pandas writes them; None for another column."""
    if column.dtype.kind not in "fc" or not len(column):
        return None
    lines = column.to_string(header=False, index=False).split("\n")
    return [line.strip() for line in lines] if len(lines) == len(column) else None
