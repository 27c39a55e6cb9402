"""The operations that get a process of their own for one request, and what does them.

What they need is imported when one is first asked for, or before there is a place, where many
places are made of one process: see `embedded/inside/zygote.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

from bellglass.sandboxes.wire.framing import Message

JOBS = {
    "check": ("checking.check", "run"),
    "test": ("testing.suite", "run"),
    "read": ("files", "read"),
    "write": ("writing", "write"),
}
"""By operation: a module below this package, and a function in it."""

WRITING = ("test", "write")
"""Those of them that may leave other files than they found."""


def load(operation: str) -> Callable[..., None]:
    """Return the function that does `operation`: of its arguments, and of how to send messages."""
    module, function = JOBS[operation]
    loaded: Any = import_module(f"{__package__}.{module}")
    main: Callable[..., None] = getattr(loaded, function)
    return main


def load_all() -> None:
    """Import what all of them need."""
    for operation in JOBS:
        load(operation)


def arguments_of(request: Message) -> Message:
    """Return what a request says to the job itself."""
    return {name: value for name, value in request.items() if name not in ("nonce", "id", "op")}
