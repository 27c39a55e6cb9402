"""The cells of a table as text, and as JSON."""

from __future__ import annotations

import math
from typing import Any

MAX_CELL_CHARACTERS = 60
"""Characters of one cell."""

MAX_FLOAT_CHARACTERS = 12
"""Characters of a number that is shown in full; a longer one keeps 8 digits."""


def text_of(value: Any) -> str:
    """Return one cell as a line of text of any length."""
    kind = type(value)
    if kind is float:
        if value != value:
            return "NaN"
        text = repr(value)
        return text if len(text) <= MAX_FLOAT_CHARACTERS else f"{value:.8g}"
    if value is None:
        return "None"
    text = value if kind is str else str(value)
    if "\n" in text or "\t" in text or "\r" in text:
        text = text.replace("\r", "\\r").replace("\n", "\\n").replace("\t", "\\t")
    # A date without a time of day.
    return text[:-9] if kind is not str and text.endswith(" 00:00:00") else text


def short(text: str, most: int = MAX_CELL_CHARACTERS) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"


def json_of(value: Any) -> Any:
    """Return a cell as JSON for the view."""
    kind = type(value)
    if value is None or kind is bool:
        return value
    if kind is int:
        return value if abs(value) < 1 << 53 else str(value)
    if kind is float:
        return value if math.isfinite(value) else None
    return short(text_of(value))
