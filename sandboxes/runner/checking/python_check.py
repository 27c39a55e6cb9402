"""What can be said of a Python program without running it."""

from __future__ import annotations

import ast
import inspect
import warnings
from collections.abc import Iterator
from itertools import islice
from types import CodeType
from typing import Any

from bellglass.sandboxes.runner.checking import mistakes, risks
from bellglass.sandboxes.runner.checking.places import Source

Finding = dict[str, Any]
Lists = Iterator[tuple[str, list[Any]]]

MOST_CHARACTERS = 400_000
MOST_NODES = 200_000
"""Of a program that is looked through: some 15,000 lines, two seconds and 200 MB."""

TOO_DEEP = "Nested too deeply, or too large, for Python to parse."


def findings(code: str) -> Lists:
    """Return errors, then warnings, then risks, each as soon as it is known."""
    code = code[1:] if code.startswith("\ufeff") else code
    source = Source(code)
    if "\0" in code:
        place = source.at(code.index("\0"))
        yield "errors", [source.finding(*place, "a NUL byte cannot be part of a program")]
        return
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        error, compiled = _compiled(code, source)
    yield "errors", [error] if error else []

    large = len(code) > MOST_CHARACTERS
    tree = None if large else _tree(code)
    large = large or (tree is not None and any(islice(ast.walk(tree), MOST_NODES, None)))
    yield "warnings", _warnings(caught, None if large else tree, source)
    if compiled and compiled.co_flags & (inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR):
        yield "notes", ["await outside a function works in execute_python, not in a script."]
    if large:
        yield "notes", ["Risks are not named: the program is too large to look through."]
    elif tree is None:
        yield "notes", ["Risks are named once the syntax is right."]
    else:
        yield "risks", _risks(tree, source)


def _compiled(code: str, source: Source) -> tuple[Finding | None, CodeType | None]:
    try:
        # Compiling reads, and runs nothing. The flag is the one execute_python sets.
        flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
        return None, compile(code, "<code>", "exec", flags, dont_inherit=True)
    except SyntaxError as exc:
        width = 1
        if getattr(exc, "end_lineno", None) == exc.lineno and exc.offset:
            width = (getattr(exc, "end_offset", None) or 0) - exc.offset
        return source.finding(exc.lineno, exc.offset, exc.msg or "invalid syntax", width), None
    except (RecursionError, MemoryError):
        return source.finding(None, None, TOO_DEEP), None
    except UnicodeEncodeError as exc:
        line, column = source.at(exc.start)
        return source.finding(line, column, "half of a surrogate pair is no character"), None
    except (ValueError, OverflowError) as exc:
        return source.finding(None, None, str(exc)), None


def _tree(code: str) -> ast.Module | None:
    """Return the syntax tree, which can be had also where only a later step refuses the code."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            flags = ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
            tree = compile(code, "<code>", "exec", flags, dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError, MemoryError, OverflowError):
        return None
    return tree if isinstance(tree, ast.Module) else None


def _warnings(
    caught: list[warnings.WarningMessage], tree: ast.Module | None, source: Source
) -> list[Finding]:
    found = {}
    for warning in caught:
        message = str(warning.message)
        if "invalid escape sequence" in message:
            message += "; write the string with an r in front, or double the backslash"
        # The parser reads a faulty program twice, and then warns twice.
        found[warning.lineno, message] = source.finding(warning.lineno, None, message)
    if tree is not None:
        for node, message in mistakes.find(tree):
            line, offset = getattr(node, "lineno", 1), getattr(node, "col_offset", 0)
            column = source.column(line, offset)
            found.setdefault((line, message), source.finding(line, column, message))
    return sorted(found.values(), key=lambda finding: finding["line"] or 0)


def _risks(tree: ast.Module, source: Source) -> list[Finding]:
    found = risks.find(tree)
    for risk in found:
        risk["column"] = source.column(risk["line"], risk["column"])
    return found
