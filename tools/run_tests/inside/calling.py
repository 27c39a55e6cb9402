"""The process of the code, for cases: it executes calls, and returns their values.

Nothing here is trusted, and expected values are not known here.
"""

from __future__ import annotations

import ast
import importlib
import os
import sys
from collections.abc import Callable
from itertools import islice
from typing import Any

from bellglass.sandboxes.common.values import MAX_ITERATOR_ITEMS, TooMuch, encode
from bellglass.tools.run_tests.inside.failures import explained, shortened, text_of
from bellglass.tools.run_tests.inside.lines import Lines, sender
from bellglass.tools.run_tests.inside.measuring import Measure

MAX_VALUE_CHARACTERS = 2_000
"""Characters of a value."""

MAX_EXCEPTION_NAMES = 20
"""Base classes of an exception that are reported."""


def main(fd: int, settings: dict[str, Any], forget: Callable[[], None]) -> None:
    """Execute the requests on `fd`, until it is closed."""
    send = sender(fd, settings["token"])
    read = os.read
    forget()
    sys.dont_write_bytecode = True
    sys.path[0] = os.getcwd()
    measure = Measure(settings["coverage"])
    lines = Lines("", 1 << 20)
    names: dict[str, Any] | None = None
    while data := read(send.descriptor, 1 << 16):
        for message in lines.take(data):
            if "call" not in message:
                measure.save()
                answer: dict[str, Any] = {"saved": True}
            elif names is None:
                names, answer = _imported()
            if names is not None and "call" in message:
                answer = _outcome(message["call"], names)
            for stream in (sys.stdout, sys.stderr):
                text_of(lambda stream: str(stream.flush()), stream)
            send(answer)


def _imported() -> tuple[dict[str, Any] | None, dict[str, Any]]:
    try:
        return vars(importlib.import_module("solution")), {}
    except KeyboardInterrupt:
        raise
    except BaseException as exc:
        return None, {"broken": explained(exc)}


def _outcome(call: str, names: dict[str, Any]) -> dict[str, Any]:
    """Return what a call returns or raises, as plain data and as text."""
    try:
        value = _evaluated(call, names)
        if hasattr(type(value), "__next__"):
            value = list(islice(value, MAX_ITERATOR_ITEMS))
    except BaseException as exc:  # SystemExit fails a case like any other exception
        kinds = [kind for kind in type(exc).__mro__ if kind is not object][:MAX_EXCEPTION_NAMES]
        names_of_it = [kind.__name__ for kind in kinds]
        names_of_it += [f"{kind.__module__}.{kind.__qualname__}" for kind in kinds]
        shown = f"raises {type(exc).__name__}: {text_of(str, exc)}"
        return {
            "raised": names_of_it,
            "shown": shortened(shown, MAX_VALUE_CHARACTERS),
            "message": explained(exc),
        }
    shown = shortened(text_of(repr, value), MAX_VALUE_CHARACTERS)
    try:
        return {"value": encode(value), "shown": shown}
    except TooMuch as exc:
        return {"not_carried": str(exc), "shown": f"<{exc}>"}
    except BaseException:  # an object of the code may do anything while its parts are read
        return {"not_carried": f"an object of type {type(value).__name__}", "shown": shown}


_loop: Any = None


def _evaluated(call: str, names: dict[str, Any]) -> Any:
    """Return the value of an expression that uses names of the code.

    For an async function, called with or without await, it is the result.
    """
    value = eval(compile(call, "<call>", "eval", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT), names)
    if not hasattr(value, "__await__"):
        return value
    import asyncio

    global _loop
    if _loop is None:
        _loop = asyncio.new_event_loop()
    return _loop.run_until_complete(_await(value))


async def _await(value: Any) -> Any:
    return await value
