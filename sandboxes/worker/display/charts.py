"""Charts of plotly and altair, drawn as pictures where no browser or network is needed."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from typing import Any

from bellglass.sandboxes.common.text import short
from bellglass.sandboxes.worker.explaining.guard import guarded
from bellglass.sandboxes.worker.explaining.values import class_name

DRAW_TIMEOUT_SECONDS = 20.0
"""For drawing one: kaleido starts a browser."""

MAKERS = {"plotly": "kaleido", "altair": "vl_convert"}
"""Maps a library to the module that draws its charts."""

OWN_BROWSER = "kaleido<1"
"""Later versions need a Chrome, which our sandboxes lack, and plotly 7 needs a later version."""


def library_of(value: Any) -> str:
    """Return "plotly" or "altair" if `value` is such a chart, else an empty text."""
    plotly: Any = sys.modules.get("plotly.basedatatypes")
    if plotly is not None and issubclass(type(value), plotly.BaseFigure):
        return "plotly"
    altair: Any = sys.modules.get("altair")
    if altair is not None and issubclass(type(value), altair.TopLevelMixin):
        return "altair"
    return ""


def drawn(value: Any, library: str) -> tuple[bytes, str]:
    """Return the chart as PNG, or b"" and the reason why it is not drawn."""
    maker = MAKERS[library]
    if find_spec(maker) is None:
        return b"", f"to see it as a picture: {_remedy(library)}"
    if maker not in _FAILED:
        draw = _plotly if library == "plotly" else _altair
        data = guarded(lambda: draw(value), lambda exc: _note(maker, exc), DRAW_TIMEOUT_SECONDS)
        if data:
            return data, ""
    return b"", f"it could not be drawn as a picture: {_FAILED[maker]}"


def _remedy(library: str) -> str:
    if library == "altair":
        return "pip install vl-convert-python"
    version = str(getattr(sys.modules.get("plotly"), "__version__", "")).partition(".")[0]
    if version.isdecimal() and int(version) >= 7:
        return f'in a new session, first of all: pip install "plotly<7" "{OWN_BROWSER}"'
    return f'pip install "{OWN_BROWSER}"'


_FAILED: dict[str, str] = {}
"""Why a module cannot draw here. It is not tried again, as each attempt takes seconds."""


def _note(maker: str, exc: BaseException) -> bytes:
    said = f": {short(' '.join(str(exc.args[0]).split()), 200)}" if exc.args else ""
    _FAILED[maker] = f"{maker} failed with {class_name(exc)}{said}"
    if maker == "kaleido" and isinstance(exc, Exception):
        _FAILED[maker] += f" To see it, {_remedy('plotly')}"
    return b""


def _plotly(figure: Any) -> bytes:
    return bytes(figure.to_image(format="png"))


_DRAW = (
    "import sys, vl_convert as v\n"
    "given = {'vl_version': sys.argv[1]} if sys.argv[1] in v.get_vegalite_versions() else {}\n"
    "sys.stdout.buffer.write(v.vegalite_to_png(sys.stdin.read(), **given))"
)


def _altair(chart: Any) -> bytes:
    """Draw in a process of its own: the engine in vl_convert may abort its process."""
    version = str(getattr(sys.modules["altair"], "SCHEMA_VERSION", "")).lstrip("v")
    import subprocess  # slow to import, so not at start

    done = subprocess.run(
        [sys.executable, "-c", _DRAW, ".".join(version.split(".")[:2])],
        input=source(chart).encode(),
        capture_output=True,
        check=False,
    )
    if done.returncode < 0:
        raise MemoryError("it needs more memory than a process of the session may reserve")
    if done.returncode:
        raise RuntimeError(done.stderr.decode("utf-8", "replace").strip().rpartition("\n")[2])
    return done.stdout


def source(value: Any) -> str:
    """Return the JSON that its library draws the chart from."""
    return str(value.to_json())


def summary(value: Any, library: str) -> str:
    """Return a description of a chart in words."""
    if library == "altair":
        return f"altair {class_name(value)}"
    kinds = [str(trace.type) for trace in value.data]
    title = value.layout.title.text
    named = f" {short(str(title), 100)!r}" if title else ""
    count = "1 trace" if len(kinds) == 1 else f"{len(kinds)} traces"
    return f"plotly figure{named}, {count} ({', '.join(dict.fromkeys(kinds))})"
