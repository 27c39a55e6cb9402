"""Programs of the agent that run inside the sandbox. Standard library only, Python 3.9 or newer.

They are sent as source. A program that uses others is sent after them, in one module.
"""

from __future__ import annotations

from importlib.resources import files

_FUTURE = "from __future__ import annotations\n"


def source(*names: str) -> str:
    """Return the named programs as one module; the `main` of the last one is called."""
    folder = files(__name__)
    texts = [(folder / f"{name}.py").read_text("utf-8") for name in names]
    return _FUTURE + "\n".join(text.replace(_FUTURE, "") for text in texts)
