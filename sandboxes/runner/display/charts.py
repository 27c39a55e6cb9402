"""Charts of plotly and altair: as a picture where that can be made without a browser or network."""

from __future__ import annotations

import io
import sys
from importlib.util import find_spec
from typing import Any

from bellglass.sandboxes.runner.explaining.guard import guarded
from bellglass.sandboxes.runner.explaining.values import class_name, short

SECONDS = 20.0
"""For drawing one: kaleido starts a browser."""

MAKERS = {"plotly": "kaleido", "altair": "vl_convert"}
"""By library, the module that draws its charts."""

PACKAGES = {"kaleido": "kaleido", "vl_convert": "vl-convert-python"}


def library_of(value: Any) -> str:
    """Return "plotly" or "altair" if `value` is a chart of it, or nothing."""
    plotly: Any = sys.modules.get("plotly.basedatatypes")
    if plotly is not None and issubclass(type(value), plotly.BaseFigure):
        return "plotly"
    altair: Any = sys.modules.get("altair")
    if altair is not None and issubclass(type(value), altair.TopLevelMixin):
        return "altair"
    return ""


def drawn(value: Any, library: str) -> tuple[bytes, str]:
    """Return the chart as PNG; or nothing, and why not."""
    maker = MAKERS[library]
    if find_spec(maker) is None:
        return b"", f"to see it as a picture: pip install {PACKAGES[maker]}"
    draw = _plotly if library == "plotly" else _altair
    return guarded(lambda: (draw(value), ""), _why_not, SECONDS)


def _why_not(exc: BaseException) -> tuple[bytes, str]:
    return b"", f"it could not be drawn as a picture: {class_name(exc)}: {short(str(exc), 300)}"


def _plotly(figure: Any) -> bytes:
    return bytes(figure.to_image(format="png"))


def _altair(chart: Any) -> bytes:
    buffer = io.BytesIO()
    chart.save(buffer, format="png")
    return buffer.getvalue()


def source(value: Any) -> str:
    """Return the chart as the JSON that its library draws from."""
    return str(value.to_json())


def summary(value: Any, library: str) -> str:
    """Return in words what a chart is of."""
    if library == "altair":
        return f"altair {class_name(value)}"
    kinds = [str(trace.type) for trace in value.data]
    title = value.layout.title.text
    named = f" {short(str(title), 100)!r}" if title else ""
    count = "1 trace" if len(kinds) == 1 else f"{len(kinds)} traces"
    return f"plotly figure{named}, {count} ({', '.join(dict.fromkeys(kinds))})"
