"""Programs of ours that the agent runs inside: standard library only, Python 3.9 on.

They travel as source. One that uses another is sent behind it, as one module.
"""

from __future__ import annotations

from importlib.resources import files

_FUTURE = "from __future__ import annotations\n"


def source(*names: str) -> str:
    """Return the named programs as one; the last one's `main` is what is called."""
    folder = files(__name__)
    texts = [(folder / f"{name}.py").read_text("utf-8") for name in names]
    return _FUTURE + "\n".join(text.replace(_FUTURE, "") for text in texts)
