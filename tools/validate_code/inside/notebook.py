"""Code of a notebook as Python, and the risks of its commands and magics."""

from __future__ import annotations

import ast
import builtins
import string
from collections.abc import Collection, Iterator
from importlib import import_module
from typing import Any, NamedTuple

from bellglass.sandboxes.common import risk_kinds as kinds
from bellglass.tools.validate_code.inside import bash_risks

MAX_FIELDS = 200
"""Expressions in braces in one command that are examined."""

_METHODS = ("system", "getoutput", "run_line_magic", "run_cell_magic", "magic", "run_cell", "ev")

_LINE = {
    "pip": ((kinds.PROCESS, "runs a command in a shell"),),
    "run": ((kinds.EVALUATES, "runs a file as code"),),
    "env": ((kinds.ENVIRONMENT, "reads or changes environment variables"),),
    "set_env": ((kinds.ENVIRONMENT, "changes an environment variable"),),
    "ls": ((kinds.PROCESS, "runs a command in a shell"), (kinds.READS, "lists a directory")),
}
_CELL = {
    "writefile": ((kinds.WRITES, "writes a file"),),
    "file": ((kinds.WRITES, "writes a file"),),
}
_SHELLS = ("bash", "sh")
_PROGRAMS = ("script", "python", "python3", "perl", "ruby")


def builtin_names() -> list[str]:
    """Return the names that are defined in every program of a session."""
    return [*dir(builtins), "display", "get_ipython"]


def advice(line: str) -> str | None:
    """Return what to do about a line that does not parse, if it is a magic and IPython is
    missing."""
    if not line.lstrip().startswith(("%", "?")):
        return None
    try:
        import_module("IPython")
    except ImportError:
        return "install IPython in the sandbox: `bellglass setup` brings it"
    return None


def lay_open(tree: ast.Module) -> None:
    """Add to each command the expressions in braces that IPython evaluates in it, as arguments."""
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
    """The risks of commands and magics by line, and why they may be incomplete."""

    risks: list[dict[str, Any]]
    unread: list[str]


def read(nodes: list[ast.AST]) -> Reading:
    """Return the risks of the commands and magics in a program."""
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
    """Tell if `function` is a method of `get_ipython()`, or of one of `names`."""
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
        yield line, kinds.PROCESS, "runs a command in a shell"
        if texts:
            yield from _of_bash(texts[0], line, unread)
    elif len(texts) < count or name not in ("run_line_magic", "run_cell_magic"):
        yield line, kinds.EVALUATES, "runs a string as code"
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
            yield line, kinds.PROCESS, f"runs a script with {program}"
        if program in _SHELLS:
            yield from _of_bash(cell, line + 1, unread)
        elif magic in _PROGRAMS:
            yield line, kinds.EVALUATES, "runs a text as a program"


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
