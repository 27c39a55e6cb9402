"""Figures of matplotlib: shown when the code says so, else at the end of its call."""

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
    """Return the display of a figure, with all that sticks out of its frame, as notebooks do.

    Also returns the characters that are drawn as boxes.
    """
    buffer = io.BytesIO()

    def draw() -> None:
        buffer.seek(0)
        buffer.truncate()
        figure.savefig(buffer, format="png", dpi=DOTS_PER_INCH, bbox_inches="tight")

    # Of layouts that are tight and the like nothing is said: who looks at it sees that.
    lacking = fonts.missing(fonts.drawn(figure, draw))
    return pictures.entry(buffer.getvalue(), room, write, of=of), lacking


def is_empty(figure: Any) -> bool:
    return not (figure.axes or figure.texts or figure.images or figure.lines or figure.subfigs)


def open_figures() -> list[Any]:
    """Return the figures that pyplot holds open, in the order of their numbers."""
    pyplot: Any = sys.modules.get("matplotlib.pyplot")
    if pyplot is None:
        return []
    return [pyplot.figure(number) for number in pyplot.get_fignums()]


def close_all() -> None:
    """Forget them, as a notebook does: the next call starts with none."""
    pyplot: Any = sys.modules.get("matplotlib.pyplot")
    if pyplot is not None:
        pyplot.close("all")
