"""Matplotlib figures, which are shown by show(), or else at the end of the call."""

from __future__ import annotations

import io
import sys
from typing import TYPE_CHECKING, Any

from bellglass.sandboxes.common.text import short
from bellglass.sandboxes.worker.display import fonts, pictures
from bellglass.sandboxes.worker.display.overflow_files import Write
from bellglass.sandboxes.worker.display.pictures import Room

if TYPE_CHECKING:
    from bellglass.sandboxes.wire.schema.execution import ShownPicture

DOTS_PER_INCH = 100

MAX_NAME_CHARACTERS = 80
"""Characters of a title or a label in the name of a figure."""

MAX_NAMED_AXES = 4

MAX_ARTISTS = 10_000
"""Artists that are looked at in a container."""

MAX_DEPTH = 3
"""Containers in each other that are looked at: boxplot() returns a dict of lists."""


def is_figure(value: Any) -> bool:
    module: Any = sys.modules.get("matplotlib.figure")
    return module is not None and issubclass(type(value), module.Figure)


def entry(figure: Any, room: Room, write: Write, *, of: int = 1) -> tuple[ShownPicture, str]:
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
    name = described(figure)
    return pictures.entry(buffer.getvalue(), room, write, of=of, name=name), lacking


def described(figure: Any) -> str:
    """Return "figure" with its titles and labels, for those who do not see the picture."""
    try:
        axes = [_of_axes(one) for one in figure.axes]
        main = figure._suptitle.get_text() if figure._suptitle else ""
    except Exception:  # foreign classes may do anything
        return "figure"
    told = [axis for axis in axes if axis][:MAX_NAMED_AXES]
    more = len(axes) - len(told) if len(axes) > MAX_NAMED_AXES else 0
    parts = [_quoted(main), " | ".join(told), f"{more} more axes" if more else ""]
    return "; ".join(["figure", *filter(None, parts)]).replace("figure; ", "figure: ", 1)


def _of_axes(axes: Any) -> str:
    """Return title and labels of one plot."""
    labels = (("x", axes.get_xlabel()), ("y", axes.get_ylabel()))
    named = (f"{name}: {_plain(label)}" for name, label in labels if label.strip())
    return "; ".join(filter(None, [_quoted(axes.get_title()), ", ".join(named)]))


def _plain(text: str) -> str:
    return short(" ".join(text.split()), MAX_NAME_CHARACTERS)


def _quoted(text: str) -> str:
    return f'"{_plain(text)}"' if text.strip() else ""


def is_artist(value: Any, depth: int = 0) -> bool:
    """Tell if `value` is what drawing returns, or a container of nothing else."""
    artist: Any = sys.modules.get("matplotlib.artist")
    if artist is None:
        return False
    kind = type(value)
    if issubclass(kind, (artist.Artist, sys.modules["matplotlib.container"].Container)):
        return True
    seaborn: Any = sys.modules.get("seaborn.axisgrid")
    if seaborn is not None and issubclass(kind, seaborn._BaseGrid):
        return True
    if kind is dict:
        value = list(value.values())
    elif kind is sys.modules["numpy"].ndarray and value.dtype.kind == "O":
        value = value.ravel().tolist()
    elif kind is not list and kind is not tuple:
        return False
    few = (depth or value) and len(value) <= MAX_ARTISTS and depth < MAX_DEPTH
    return bool(few) and all(is_artist(one, depth + 1) for one in value)


def is_empty(figure: Any) -> bool:
    return not (figure.axes or figure.texts or figure.images or figure.lines or figure.subfigs)


def open_figures() -> list[Any]:
    """Return the figures that pyplot holds open, ordered by number."""
    pyplot: Any = sys.modules.get("matplotlib.pyplot")
    if pyplot is None:
        return []
    return [pyplot.figure(number) for number in pyplot.get_fignums()]


def any_open() -> bool:
    pyplot: Any = sys.modules.get("matplotlib.pyplot")
    return pyplot is not None and bool(pyplot.get_fignums())


def close_all() -> None:
    """Close the figures, as a notebook does: the next call starts with none."""
    pyplot: Any = sys.modules.get("matplotlib.pyplot")
    if pyplot is not None:
        pyplot.close("all")
