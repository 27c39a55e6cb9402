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
    if error.there:  # a subset of Python
        return f"this server evaluates a subset of Python, and {name} is not in it."
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
    if error.subject == "PATH":  # of a program that was to be started
        near = f" (is {' or '.join(error.near)} meant?)" if error.near else ""
        listed = " A command with arguments is a list." if " " in error.wanted else ""
        return f"there is no program {error.wanted!r} here{near}.{listed}"
    if error.near:
        parts.append(did_you_mean(error.near))
    elif error.subject:
        parts.append(f"{error.subject} has {_list(error.there) or 'nothing'}.")
        if error.subject.startswith("/") and not error.subject.startswith(("/work", "/tmp")):
            parts.append("Files of the session are in the working directory.")
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
    if error.near:
        return did_you_mean(error.near)
    if error.subject == "DataFrame" and error.there:
        return f"its columns are {_list(error.there)}."
    return None


def _key(error: ExecutionError) -> str | None:
    if not error.subject:
        return None
    if error.near:
        return did_you_mean(error.near)
    there = _list(error.there)
    return f"{error.subject} has {there}." if there else f"{error.subject} is empty."


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
    if error.near:
        return did_you_mean(error.near)
    if error.subject:
        return f"{error.subject} takes {', '.join(error.there) or 'no arguments'}."
    return None


def _index(error: ExecutionError) -> str | None:
    axis = re.search(r"out of bounds for (axis \d+) with size (\d+)", error.message)
    what, length = (axis[1], axis[2]) if axis else (error.subject, "".join(error.there[:1]))
    if what and length.isdecimal():
        return _of_length(what, int(length))
    if "empty" in error.message:
        return "it is empty: test that first."
    if re.search(r"list|tuple|string|range", error.message):
        return "indexes go from 0 to len - 1: test the length first."
    return None


def _of_length(what: str, length: int) -> str:
    if length == 0:
        return f"{what} is empty: test that first."
    items = "1 item" if length == 1 else f"{length} items"
    return f"{what} has {items}: the last index is {length - 1}."


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


def _list(there: list[str]) -> str:
    return ", ".join(there[:THERE]) + (", …" if len(there) > THERE else "")


def did_you_mean(near: list[str]) -> str:
    return f"did you mean {' or '.join(near)}?"


def quoted(message: str) -> str:
    """Return the first name in quotes."""
    found = re.search(r"'([^']+)'", message)
    return found[1] if found else ""
