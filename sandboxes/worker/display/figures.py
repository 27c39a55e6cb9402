"""Matplotlib figures, which are shown by show(), or else at the end of the call."""

from __future__ import annotations

import io
import sys
from typing import Any

from bellglass.sandboxes.worker.display import fonts, pictures
from bellglass.sandboxes.worker.display.overflow_files import Write
from bellglass.sandboxes.worker.display.pictures import Room

DOTS_PER_INCH = 100


def is_figure(value: Any) -> bool:
    module: Any = sys.modules.get("matplotlib.figure")
    return module is not None and issubclass(type(value), module.Figure)


def entry(figure: Any, room: Room, write: Write, *, of: int = 1) -> tuple[dict[str, Any], str]:
    """Return the display of a figure, with parts outside its frame included, as in notebooks.

    Also returns the characters that are drawn as boxes.
    """
    buffer = io.BytesIO()

    def draw() -> None:
        buffer.seek(0)
        buffer.truncate()
        figure.savefig(buffer, format="png", dpi=DOTS_PER_INCH, bbox_inches="tight")

    # Warnings about tight layouts and the like are dropped: the picture shows the effect.
    lacking = fonts.missing(fonts.drawn(figure, draw))
    return pictures.entry(buffer.getvalue(), room, write, of=of), lacking


def is_empty(figure: Any) -> bool:
    return not (figure.axes or figure.texts or figure.images or figure.lines or figure.subfigs)


def open_figures() -> list[Any]:
    """Return the figures that pyplot holds open, ordered by number."""
    pyplot: Any = sys.modules.get("matplotlib.pyplot")
    if pyplot is None:
        return []
    return [pyplot.figure(number) for number in pyplot.get_fignums()]


def close_all() -> None:
    """Close the figures, as a notebook does: the next call starts with none."""
    pyplot: Any = sys.modules.get("matplotlib.pyplot")
    if pyplot is not None:
        pyplot.close("all")
