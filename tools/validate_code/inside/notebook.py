"""Code of a notebook as the Python that would run, and what its commands and magics could do."""

from __future__ import annotations

import ast
import builtins
import re
import string
import warnings
from collections.abc import Collection, Iterator
from functools import partial
from importlib import import_module
from typing import Any, NamedTuple

from bellglass.sandboxes.worker.notebook.transform import CANDIDATE
from bellglass.tools.validate_code.inside import bash_risks
from bellglass.tools.validate_code.inside import risk_rules as rules

_AROUND_PYTHON = re.compile(
    r"^([ \t]*)%{1,2}(?:time|timeit|prun)\b[ \t]*(?:-[a-z]+[ \t]*(?:\d+[ \t]*)?)*|%%capture\b.*",
    re.MULTILINE,
)
"""Magics around Python, of a line or of a whole cell: what is left without them is what runs."""

MAX_MAGICS = 500
"""Of one cell, as in IPython."""

MAX_WORK = 500_000
"""Magics times characters of a cell that IPython reads as a whole, which it does for each magic
again: this much takes a second. A larger one is read by lines."""

MAX_FIELDS = 200
"""Expressions in braces in one command that are looked at."""

_METHODS = ("system", "getoutput", "run_line_magic", "run_cell_magic", "magic", "run_cell", "ev")

_LINE = {
    "pip": ((rules.PROCESS, "runs a command in a shell"),),
    "run": ((rules.EVALUATES, "runs a file as code"),),
    "env": ((rules.ENVIRONMENT, "reads or changes environment variables"),),
    "set_env": ((rules.ENVIRONMENT, "changes an environment variable"),),
    "ls": ((rules.PROCESS, "runs a command in a shell"), (rules.READS, "lists a directory")),
}
_CELL = {
    "writefile": ((rules.WRITES, "writes a file"),),
    "file": ((rules.WRITES, "writes a file"),),
}
_SHELLS = ("bash", "sh")
_PROGRAMS = ("script", "python", "python3", "perl", "ruby")


def builtin_names() -> list[str]:
    """Return the names that have a meaning in every program of a session."""
    return [*dir(builtins), "display", "get_ipython"]


def advice(line: str) -> str | None:
    """Return what to do about a line that does not parse, if it is a magic for want of IPython."""
    if not line.lstrip().startswith(("%", "?")):
        return None
    try:
        import_module("IPython")
    except ImportError:
        return "install IPython in the sandbox: `bellglass setup` brings it"
    return None


def as_python(code: str) -> str:
    """Return the Python that would run, with every line in its place; other code as it is.

    Commands and magics become calls of `get_ipython()`, by IPython's own hand. Where IPython is not
    installed, those become so that work without it.
    """
    count = sum(1 for _ in CANDIDATE.finditer(code))
    if not 0 < count <= MAX_MAGICS or _parses(code):
        return code
    code = _AROUND_PYTHON.sub(r"\1", code.replace("\r\n", "\n"))
    try:
        return _by_ipython(code, count)
    except ImportError:
        return _without_ipython(code)
    except Exception:  # whatever it makes of what is no Python
        return code


def _by_ipython(cell: str, count: int) -> str:
    # Not before it is needed: it imports IPython.
    from bellglass.sandboxes.worker.notebook.in_place import InPlace

    manager = InPlace()
    if cell.lstrip().startswith("%%") or count * len(cell) <= MAX_WORK:
        return str(manager.transform_cell(cell))
    return "".join(map(partial(_line_by_ipython, manager), cell.splitlines(keepends=True)))


def _line_by_ipython(manager: Any, line: str) -> str:
    text = line.lstrip(" \t")
    indent = line[: len(line) - len(text)]
    return indent + str(manager.transform_cell(text)) if CANDIDATE.search(line) else line


def _without_ipython(code: str) -> str:
    body = code.lstrip("\n")
    first, _, rest = body.partition("\n")
    if first.strip() in ("%%bash", "%%sh"):
        above = "\n" * (len(code) - len(body))
        return f"{above}get_ipython().run_cell_magic({first.strip()[2:]!r}, '', {rest!r})\n"
    code = re.sub(
        r"^([ \t]*)!(.+)$",
        lambda found: f"{found[1]}get_ipython().system({found[2]!r})",
        code,
        flags=re.MULTILINE,
    )
    return re.sub(
        r"^([ \t]*)%pip[ \t]+(.+)$",
        lambda found: f"{found[1]}get_ipython().run_line_magic('pip', {found[2]!r})",
        code,
        flags=re.MULTILINE,
    )


def _parses(code: str) -> bool:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            flags = ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
            compile(code, "<code>", "exec", flags, dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError, MemoryError, OverflowError):
        return False
    return True


def lay_open(tree: ast.Module) -> None:
    """Add to each command what IPython evaluates in it: expressions in braces, as arguments."""
    for node in list(ast.walk(tree)):
        if isinstance(node, ast.Call) and _is_method(node.func):
            for argument in list(node.args):
                for expression in _filled_in(getattr(argument, "value", None)):
                    for inner in ast.walk(expression):
                        ast.copy_location(inner, node)
                    node.args.append(expression)


def _filled_in(text: object) -> Iterator[ast.expr]:
    for _, field, format_spec, _ in _fields(text)[:MAX_FIELDS]:
        expression = f"{field}:{format_spec}" if format_spec else field
        try:
            yield ast.parse((expression or "").strip(), mode="eval").body
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            continue


def _fields(text: object) -> list[tuple[str, str | None, str | None, str | None]]:
    """Return the pieces of a text, each with the expression in braces after it."""
    try:
        return list(string.Formatter().parse(text)) if isinstance(text, str) else []
    except ValueError:
        return [(str(text), None, None, None)]


class Reading(NamedTuple):
    """What commands and magics could do, by line, and why that may not be all."""

    risks: list[dict[str, Any]]
    unread: list[str]


def read(nodes: list[ast.AST]) -> Reading:
    """Return what the commands and magics in a program could do."""
    names = {
        target.id
        for node in nodes
        if isinstance(node, ast.Assign) and _is_shell(node.value)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    reading = Reading([], [])
    for node in nodes:
        if isinstance(node, ast.Call) and _is_method(node.func, names):
            for line, kind, reason in _of_call(node, reading.unread):
                place = {"line": line, "column": node.col_offset, "end_line": node.end_lineno}
                reading.risks.append({"kind": kind, **place, "reason": reason})
    return reading


def _is_shell(node: ast.expr) -> bool:
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "get_ipython"
    )


def _is_method(function: ast.expr, names: Collection[str] = ()) -> bool:
    """Tell if `function` is a method of what `get_ipython()` returns, also by one of `names`."""
    if not isinstance(function, ast.Attribute) or function.attr not in _METHODS:
        return False
    owner = function.value
    return _is_shell(owner) or (isinstance(owner, ast.Name) and owner.id in names)


def _of_call(node: ast.Call, unread: list[str]) -> Iterator[tuple[int, str, str]]:
    assert isinstance(node.func, ast.Attribute)
    line, name = node.lineno, node.func.attr
    count = {"run_line_magic": 2, "run_cell_magic": 3}.get(name, 1)
    given = [getattr(argument, "value", None) for argument in node.args[:count]]
    texts = [text for text in given if isinstance(text, str)]
    if name in ("system", "getoutput"):
        yield line, rules.PROCESS, "runs a command in a shell"
        if texts:
            yield from _of_bash(texts[0], line, unread)
    elif len(texts) < count or name not in ("run_line_magic", "run_cell_magic"):
        yield line, rules.EVALUATES, "runs a string as code"
    elif name == "run_line_magic":
        for kind, reason in _LINE.get(texts[0], ()):
            yield line, kind, reason
        if texts[0] in ("ls", "pip"):
            yield from _of_bash(" ".join(texts), line, unread)
    else:
        magic, rest, cell = texts
        for kind, reason in _CELL.get(magic, ()):
            yield line, kind, reason
        program = rest.split()[0] if magic == "script" and rest.split() else magic
        if magic in (*_SHELLS, *_PROGRAMS):
            yield line, rules.PROCESS, f"runs a script with {program}"
        if program in _SHELLS:
            yield from _of_bash(cell, line + 1, unread)
        elif magic in _PROGRAMS:
            yield line, rules.EVALUATES, "runs a text as a program"


def _of_bash(text: str, line: int, unread: list[str]) -> Iterator[tuple[int, str, str]]:
    """Return the risks of a script that begins in `line`."""
    found = bash_risks.find(text)
    if len(_fields(text)) > MAX_FIELDS:
        unread.append(f"a command has more than {MAX_FIELDS} expressions in braces")
    if found.unread:
        found = bash_risks.find("".join(f"{literal}$_" for literal, *_ in _fields(text)))
    if found.unread:
        unread.append(found.unread)
    for risk in found.risks:
        yield line + risk["line"] - 1, risk["kind"], risk["reason"]
