"""What to do about an exception in Python."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING

from bellglass.sandboxes.runner.checking.origins import import_of
from bellglass.tools.explaining.modules import missing_module
from bellglass.tools.explaining.rules import advice_for
from bellglass.tools.explaining.syntax import advice_on

if TYPE_CHECKING:
    from collections.abc import Callable

    from bellglass.sandboxes.execution import ExecutionError

THERE = 8
"""Names of what is there that a hint tells."""

PLAIN = {"true": "True", "false": "False", "null": "None", "undefined": "None"}

PYTHON_2 = {
    "raw_input": "input",
    "unicode": "str",
    "basestring": "str",
    "xrange": "range",
    "long": "int",
    "unichr": "chr",
}


def advice(error: ExecutionError, *, fresh: bool) -> str | None:
    """Return what to do about `error`; `fresh`: it was the first call of its session."""
    if error.name == "NameError":
        return _name(error, fresh)
    if error.name == "FileNotFoundError":
        return _file(error, fresh)
    found = ADVICE[error.name](error) if error.name in ADVICE else None
    return found or advice_for(error.name, error.message)


def _name(error: ExecutionError, fresh: bool) -> str | None:
    name = error.wanted or quoted(error.message)
    if name in PLAIN:
        return f"Python writes {PLAIN[name]}."
    if name in PYTHON_2:
        return f"that was Python 2: use {PYTHON_2[name]}."
    if name in ("get_ipython", "display"):
        return "this is not IPython: the value of the last line and figures are shown."
    if missing := import_of(name):
        return f"`{missing}` is missing."
    if error.near:
        return did_you_mean(error.near)
    if fresh:
        return (
            "this is a new session. For variables and files of an earlier call, pass the "
            "session_id of its result."
        )
    return "define it, or import it, before this line."


def _file(error: ExecutionError, fresh: bool) -> str | None:
    parts = []
    if error.near:
        parts.append(did_you_mean(error.near))
    elif error.subject:
        there = ", ".join(error.there[:THERE]) or "nothing"
        more = ", …" if len(error.there) > THERE else ""
        parts.append(f"{error.subject} has {there}{more}.")
    if fresh:
        parts.append(
            "This is a new session: for files of an earlier call, pass the session_id of its "
            "result."
        )
    return " ".join(parts) or "list the directory to see what is there."


def _attribute(error: ExecutionError) -> str | None:
    known = advice_for(error.name, error.message)
    if known:
        return known
    module = error.subject.removeprefix("module ")
    if error.there and module in sys.stdlib_module_names:
        return f"your file {error.there[0]} hides the module {module}: rename it."
    return did_you_mean(error.near) if error.near else None


def _key(error: ExecutionError) -> str | None:
    if not error.subject:
        return None
    if error.near:
        return did_you_mean(error.near)
    there = ", ".join(error.there[:THERE])
    more = ", …" if len(error.there) > THERE else ""
    return f"{error.subject} has {there}{more}." if there else f"{error.subject} is empty."


def _import(error: ExecutionError) -> str | None:
    if error.near:
        return did_you_mean(error.near)
    return advice_for(error.name, error.message)


def _module(error: ExecutionError) -> str | None:
    if error.there:  # a subset of Python that nothing can be added to
        return f"here are only {', '.join(error.there)}."
    module = error.wanted or quoted(error.message)
    return missing_module(module, error.near) if module else None


def _division(error: ExecutionError) -> str | None:
    return f"{error.subject} is 0 here: test it before dividing." if error.subject else None


def _type(error: ExecutionError) -> str | None:
    if error.wanted and error.subject:
        if error.near:
            return did_you_mean(error.near)
        return f"{error.subject} takes {', '.join(error.there) or 'no arguments'}."
    return None


def _index(error: ExecutionError) -> str | None:
    if re.search(r"list|tuple|string|range", error.message):
        return "indexes go from 0 to len - 1: test the length first."
    return None


def _syntax(error: ExecutionError) -> str | None:
    marked = re.search(r"^> +\d+ \|(?: (.*))?$", error.code, re.MULTILINE)
    return advice_on(error.message, (marked[1] or "") if marked else "")


ADVICE: dict[str, Callable[[ExecutionError], str | None]] = {
    "AttributeError": _attribute,
    "ImportError": _import,
    "IndentationError": _syntax,
    "IndexError": _index,
    "KeyError": _key,
    "ModuleNotFoundError": _module,
    "SyntaxError": _syntax,
    "TabError": _syntax,
    "TypeError": _type,
    "ZeroDivisionError": _division,
}


def did_you_mean(near: list[str]) -> str:
    return f"did you mean {' or '.join(near)}?"


def quoted(message: str) -> str:
    """Return the first name in quotes."""
    found = re.search(r"'([^']+)'", message)
    return found[1] if found else ""
