"""The figures that a call drew with matplotlib, as pictures small enough for a result."""

from __future__ import annotations

import base64
import io
import sys
import warnings
from typing import Any

MOST = 8
"""Figures of one call that are shown."""

PICTURE_BYTES = 300_000
ALL_BYTES = 560_000
"""Of the pictures of a call: in base64 a third more, and a result has to stay below 900 kB."""

DPI = (100, 72, 50, 30)
"""Tried in turn until a picture is small enough."""


def expect() -> None:
    """Make `plt.show()` keep quiet: it warns that nothing can be shown, and then it is."""
    warnings.filterwarnings("ignore", message=".*Agg is non-interactive")


def drawn() -> list[str]:
    """Return the open figures as PNG in base64, and close them as a notebook does."""
    pyplot: Any = sys.modules.get("matplotlib.pyplot")
    if pyplot is None:
        return []
    pictures: list[str] = []
    room = ALL_BYTES
    numbers = pyplot.get_fignums()
    for number in numbers[:MOST]:
        try:
            data = _picture(pyplot.figure(number), min(room, PICTURE_BYTES))
        except Exception as exc:
            sys.stderr.write(f"A figure cannot be drawn: {type(exc).__name__}: {exc}\n")
            continue
        if data:
            room -= len(data)
            pictures.append(base64.b64encode(data).decode())
    if numbers:
        pyplot.close("all")
    if len(pictures) < len(numbers):
        text = f"{len(pictures)} of {len(numbers)} figures are shown, the others omitted: "
        sys.stderr.write(text + "fewer or simpler ones fit, or save them to files.\n")
    return pictures


def _picture(figure: Any, most: int) -> bytes:
    for dpi in DPI:
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png", dpi=dpi)
        if buffer.tell() <= most:
            return buffer.getvalue()
    return b""
