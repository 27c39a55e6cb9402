"""What commands and magics of IPython could do, once they are put as calls of `get_ipython()`."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterator
from typing import Any

from bellglass.sandboxes.runner.checking import bash_risks
from bellglass.sandboxes.runner.checking import risk_rules as rules
from bellglass.sandboxes.runner.checking.bash_commands import TooDeep

NAMES = ("display", "get_ipython")
"""Names of a session that plain Python has not."""

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


def known() -> set[str]:
    """Return the names that have a meaning in every program of a session."""
    return {*dir(builtins), *NAMES}


def risks(nodes: list[ast.AST]) -> list[dict[str, Any]]:
    """Return what the commands and magics in a program could do, by line."""
    found: dict[tuple[int, str, str], dict[str, Any]] = {}
    names = {
        target.id
        for node in nodes
        if isinstance(node, ast.Assign) and _is_asked_for(node.value)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    for node in nodes:
        if isinstance(node, ast.Call) and _is_shell(node.func, names):
            for line, column, kind, reason in _of_call(node):
                risk = {"kind": kind, "line": line, "column": column, "reason": reason}
                found.setdefault((line, kind, reason), risk)
    return list(found.values())


def _is_asked_for(node: ast.expr) -> bool:
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "get_ipython"
    )


def _is_shell(function: ast.expr, names: set[str]) -> bool:
    """Tell if `function` is a method of what `get_ipython()` returns, also by one of `names`."""
    if not isinstance(function, ast.Attribute) or function.attr not in _METHODS:
        return False
    owner = function.value
    return _is_asked_for(owner) or (isinstance(owner, ast.Name) and owner.id in names)


def _of_call(node: ast.Call) -> Iterator[tuple[int, int, str, str]]:
    assert isinstance(node.func, ast.Attribute)
    line, column = node.lineno, node.col_offset
    name = node.func.attr
    count = {"run_line_magic": 2, "run_cell_magic": 3}.get(name, 1)
    # What follows is Python that is put into the text.
    given = [getattr(argument, "value", None) for argument in node.args[:count]]
    texts = [text for text in given if isinstance(text, str)]
    known = len(texts) == count
    if name in ("system", "getoutput"):
        yield line, column, rules.PROCESS, "runs a command in a shell"
        if known:
            yield from _of_bash(texts[0], line, column, 0)
    elif name == "run_line_magic" and known:
        for kind, reason in _LINE.get(texts[0], ()):
            yield line, column, kind, reason
        if texts[0] in ("ls", "pip"):
            yield from _of_bash(" ".join(texts), line, column, 0)
    elif name == "run_cell_magic" and known:
        magic, rest, cell = texts
        for kind, reason in _CELL.get(magic, ()):
            yield line, column, kind, reason
        program = rest.split()[0] if magic == "script" and rest.split() else magic
        if magic in (*_SHELLS, *_PROGRAMS):
            yield line, column, rules.PROCESS, f"runs a script with {program}"
        if program in _SHELLS:
            yield from _of_bash(cell, line, column, 1)
        elif magic in _PROGRAMS:
            yield line, column, rules.EVALUATES, "runs a text as a program"
    else:
        yield line, column, rules.EVALUATES, "runs a string as code"


def _of_bash(text: str, line: int, column: int, below: int) -> Iterator[tuple[int, int, str, str]]:
    """Return the risks of a script that begins `below` lines under the call."""
    try:
        found = bash_risks.find(text)
    except (TooDeep, RecursionError):
        yield line, column, rules.EVALUATES, "runs a script that nests too deeply to look through"
        return
    for risk in found:
        yield line + below + risk["line"] - 1, column, risk["kind"], risk["reason"]
