"""Lines that are IPython's put into Python, with every line in its place.

There are three ways to put them: to be run in a session, to be read, and to be imported as a
module where there is no session. Code inside a magic, as of `%time`, is run by the magic in the
first; in the others it stands where it is seen.
"""

from __future__ import annotations

import ast
import re
import warnings
from importlib import import_module
from importlib.util import find_spec
from itertools import takewhile
from typing import Literal

from bellglass.sandboxes.runner.habits.fields import expressions
from bellglass.sandboxes.runner.habits.lines import rewritten

CANDIDATE = re.compile(
    r"^[ \t]*(?:[!%?]|[^\s#]+\?{1,2}[ \t]*;?[ \t]*$)|^[ \t]*[^#=\n]+=[ \t]*[!%]", re.MULTILINE
)
"""There may be something of IPython's in a text with this, and not in one without."""

_TARGETS = r"[A-Za-z_][\w.]*(?:\[[^\]\n]*\])?(?:\s*,\s*[A-Za-z_][\w.]*)*"
_CELL = re.compile(r"%%([A-Za-z_]\w*)(?:[ \t]+(.*))?$")
_COMMAND = re.compile(r"(\s*)(!!?)\s*(\S.*)$", re.DOTALL)
_MAGIC = re.compile(r"(\s*)%([A-Za-z_]\w*)(?:[ \t]+(.*))?$", re.DOTALL)
_ASSIGNED = re.compile(rf"(\s*)({_TARGETS})\s*=\s*([!%])(.+)$", re.DOTALL)
_NAME = r"[%A-Za-z_*][\w.*]*(?:\[[^\]\n]*\])?"
_HELP_BEFORE = re.compile(rf"(\s*)(\?\??)\s*({_NAME})\s*$")
_HELP_AFTER = re.compile(rf"(\s*)({_NAME})(\?\??)\s*;?\s*$")

Style = Literal["run", "read", "module"]

PYTHON = ("time", "timeit", "capture", "prun")
"""Magics around Python: of a line, or of a whole cell."""

_OPTIONS = re.compile(r"(?:-[a-zA-Z]+(?:\s*\d+)?\s+)*")


SETTINGS = (
    *("matplotlib", "config", "load_ext", "reload_ext", "autoreload", "pylab", "precision"),
)
"""Magics that are about the notebook around: there is nothing for them to do here."""


def for_running(code: str) -> str | None:
    """Return code that does not parse as Python that does, or None where it is none of IPython's.

    By IPython's own hand where it is installed and every line keeps its number.
    """
    if not CANDIDATE.search(code):
        return None
    return _by_ipython(code) or _changed(code, "run")


def for_reading(code: str) -> str | None:
    """Return the same with the code inside of magics laid open, or None for plain Python."""
    if not CANDIDATE.search(code) or parses(code):
        return None
    return _changed(code, "read")


def for_module(code: str) -> str:
    """Return code that may be IPython's as a module that needs nothing of ours."""
    if not CANDIDATE.search(code) or parses(code):
        return code
    return _changed(code, "module") or code


def parses(code: str) -> bool:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            flags = ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
            compile(code, "<code>", "exec", flags, dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError, MemoryError, OverflowError):
        return False
    return True


def _by_ipython(code: str) -> str | None:
    if find_spec("IPython") is None:
        return None
    try:
        module = import_module("IPython.core.inputtransformer2")
        text: str = module.TransformerManager().transform_cell(code)
    except Exception:  # whatever is in its place
        return None
    same = text.rstrip("\n").count("\n") == code.rstrip("\n").count("\n")
    return text if same and parses(text) else None


def _changed(code: str, style: Style) -> str | None:
    code = code.replace("\r\n", "\n")
    text = _cell(code, style)
    if text is None:
        text = rewritten(code, lambda lines, at: _line(lines, at, style))
    return text if text != code else None


def _cell(code: str, style: Style) -> str | None:
    """Return a cell magic as a call, if the code is one: then all of it belongs to the magic."""
    lines = code.split("\n")
    # Only empty lines and comments may stand above.
    skipped = takewhile(lambda line: not line.strip() or line.lstrip().startswith("#"), lines)
    at = sum(1 for _ in skipped)
    found = _CELL.match(lines[at].rstrip()) if at < len(lines) else None
    if found is None:
        return None
    name, rest = found[1], found[2] or ""
    body = "\n".join(lines[at + 1 :])
    if style != "run" and name in PYTHON:
        first = _OPTIONS.sub("", rest, count=1) if name.startswith("time") else ""
        inner = body if parses(body) else (_changed(body, style) or body)
        return "\n".join([*lines[:at], first, inner])
    call = _call("run_cell_magic", style, name, rest, body, filled=rest)
    if style == "module":
        call = _bash(body) if name in ("bash", "sh") else _refusal(f"%%{name}")
    return "\n".join([*lines[:at], call, *[""] * (len(lines) - at - 1)])


def _line(lines: list[str], at: int, style: Style) -> tuple[list[str], int] | None:
    """Return the Python for the logical line at `at`, if it is IPython's."""
    first = lines[at]
    if not first.lstrip().startswith(("!", "%", "?")) and "=" not in first and "?" not in first:
        return None
    count = 1
    while lines[at + count - 1].endswith("\\") and at + count < len(lines):
        count += 1
    text = _python("\n".join(lines[at : at + count]), style)
    return None if text is None else (text.split("\n"), count)


def _python(line: str, style: Style) -> str | None:
    if found := _COMMAND.match(line):
        if found[2] == "!":
            return found[1] + _system(found[3], style)
        return found[1] + _output(found[3], style)
    if found := _HELP_BEFORE.match(line) or _HELP_AFTER.match(line):
        marks, name = sorted(found.groups()[1:], key=lambda part: not part.startswith("?"))
        return found[1] + _magic("pinfo2" if len(marks) == 2 else "pinfo", name, style)
    if found := _MAGIC.match(line):
        return found[1] + _magic(found[2], found[3] or "", style)
    if found := _ASSIGNED.match(line):
        indent, targets, sign, rest = found.groups()
        if sign == "!":
            return f"{indent}{targets} = {_output(rest.strip(), style)}"
        name, _, arguments = rest.strip().partition(" ")
        return f"{indent}{targets} = {_magic(name, arguments.strip(), style)}"
    return None


def _system(command: str, style: Style) -> str:
    return _bash(command) if style == "module" else _call("system", style, command, filled=command)


def _output(command: str, style: Style) -> str:
    if style == "module":
        return f"{_bash(command, ', capture_output=True, text=True')}.stdout.splitlines()"
    return _call("getoutput", style, command, filled=command)


def _magic(name: str, rest: str, style: Style) -> str:
    if style != "run" and name in PYTHON:
        return _OPTIONS.sub("", rest, count=1) or "pass"
    if style == "module":
        if name in (*SETTINGS, "pinfo", "pinfo2"):
            return "pass"
        return _bash(f"pip {rest}") if name == "pip" else _refusal(f"%{name}")
    filled = f"{{{rest}}}" if name.startswith("pinfo") and "[" in rest else rest
    return _call("run_line_magic", style, name, rest, filled=filled)


def _call(method: str, style: Style, *texts: str, filled: str) -> str:
    """Return a call of the shell. Who reads it also sees what of Python is in the text `filled`."""
    inside = [f"({text})" for text in expressions(filled)] if style == "read" else []
    return f"get_ipython().{method}({', '.join([*map(repr, texts), *inside])})"


def _bash(command: str, options: str = "") -> str:
    return f"__import__('subprocess').run(['bash', '-c', {command!r}]{options})"


def _refusal(magic: str) -> str:
    return f"raise NotImplementedError({magic + ' works in execute_python only'!r})"
