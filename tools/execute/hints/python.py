"""Hints after an exception in Python."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING

from bellglass.tools.execute.hints.modules import Supply, did_you_mean, missing_module, required
from bellglass.tools.execute.hints.rules import advice_for
from bellglass.tools.execute.hints.syntax import advice_on

if TYPE_CHECKING:
    from bellglass.sandboxes.execution import ExecutionError

MAX_AVAILABLE_NAMES = 8
"""Available names that a hint lists."""

NEW_SESSION = (
    "this is a new session: for {0} of an earlier call, pass the session_id of its result."
)
NO_FILE = "code of a call has no file of its own: use the working directory, Path.cwd()."

_QUOTED = re.compile(r"'([^'\n]{1,200})'")
_MARKED_LINE = re.compile(r"^> {1,9}\d{1,9} \| (.*)$", re.MULTILINE)


def advice(error: ExecutionError, *, fresh: bool, supply: Supply) -> str | None:
    """Return what to do about `error`; `fresh`: it was the first call of its session."""
    match error.name:
        case "NameError":
            return _name(error, fresh, supply)
        case "FileNotFoundError":
            return _file(error, fresh)
        case "SyntaxError" | "IndentationError" | "TabError":
            marked = _MARKED_LINE.search(error.code)
            return advice_on(marked[1]) if marked else None
        case "ModuleNotFoundError":
            return _module(error, supply)
    if (module := required(error.message)) is not None:
        return missing_module(module, [], supply)
    return advice_for(error.name, error.message) or _near(error)


def _name(error: ExecutionError, fresh: bool, supply: Supply) -> str | None:
    name = error.missing or quoted(error.message)
    if error.available:  # a subset of Python
        return f"this server evaluates a subset of Python, and {name} is not in it."
    if name == "__file__":
        return NO_FILE
    if name == "get_ipython":
        return missing_module("IPython", [], supply)
    if error.suggestions:
        return did_you_mean(error.suggestions)
    return NEW_SESSION.format("variables and files") if fresh else None


def _file(error: ExecutionError, fresh: bool) -> str | None:
    parts = []
    if error.target == "PATH":  # a program that could not be started
        near = f" (is {' or '.join(error.suggestions)} meant?)" if error.suggestions else ""
        listed = " A command with arguments is a list." if " " in error.missing else ""
        return f"there is no program {error.missing!r} here{near}.{listed}"
    if error.suggestions:
        parts.append(did_you_mean(error.suggestions))
    elif error.target:
        parts.append(f"{error.target} has {_list(error.available) or 'nothing'}.")
        if error.target.startswith("/") and not error.target.startswith(("/work", "/tmp")):
            parts.append("Files of the session are in the working directory.")
    if fresh:
        said = NEW_SESSION.format("files")
        parts.append(said if not parts else said[0].upper() + said[1:])
    return " ".join(parts) or None


def _module(error: ExecutionError, supply: Supply) -> str | None:
    if error.available:  # a subset of Python to which nothing can be added
        return f"here are only {', '.join(error.available)}."
    module = error.missing or quoted(error.message)
    return missing_module(module, error.suggestions, supply) if module else None


def _near(error: ExecutionError) -> str | None:
    """Return what is similar to a missing thing, or what is available."""
    module = error.target.removeprefix("module ")
    if error.name == "AttributeError" and error.available and module in sys.stdlib_module_names:
        return f"your file {error.available[0]} hides the module {module}: rename it."
    if error.suggestions:
        return did_you_mean(error.suggestions)
    if error.name == "KeyError" and error.target:
        there = _list(error.available)
        return f"{error.target} has {there}." if there else f"{error.target} is empty."
    if error.target == "DataFrame" and error.available:
        return f"its columns are {_list(error.available)}."
    return None


def _list(there: list[str]) -> str:
    return ", ".join(there[:MAX_AVAILABLE_NAMES]) + (
        ", …" if len(there) > MAX_AVAILABLE_NAMES else ""
    )


def quoted(message: str) -> str:
    """Return the first quoted name."""
    found = _QUOTED.search(message[:1_000])
    return found[1] if found else ""
