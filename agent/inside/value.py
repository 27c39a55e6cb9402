"""Report the value of a program's variable `answer`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bellglass.agent.inside.shapes import Shaper

MAX_SHOWN_CHARACTERS = 3_000


def main(name: str) -> dict[str, Any]:
    import __main__

    if not hasattr(__main__, name):
        return {"missing": True}
    value = getattr(__main__, name)
    report = {"shape": Shaper().shape(value), "type": type(value).__name__}
    # Numbers and strings are shown as they print, everything else by its shape.
    if isinstance(value, (str, int, float, complex)) or report["type"] in ("Decimal", "Fraction"):
        report["shown"] = _shown(value)
    return report


def _shown(value: Any) -> str:
    try:
        text = str(value)
    except ValueError:  # an int with too many digits
        text = hex(value)
    if len(text) <= MAX_SHOWN_CHARACTERS:
        return text
    return "%s ... %s (%d characters)" % (text[:MAX_SHOWN_CHARACTERS], text[-40:], len(text))
