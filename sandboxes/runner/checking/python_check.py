"""What can be said of a Python program without running it."""

from __future__ import annotations

import ast
import inspect
import warnings
from collections.abc import Iterator
from types import CodeType
from typing import Any

from bellglass.sandboxes.runner.checking import (
    fixes,
    imports,
    likely_bugs,
    nodes,
    ruff,
    syntax,
    unclosed,
)
from bellglass.sandboxes.runner.checking.places import Source
from bellglass.sandboxes.runner.checking.program import Program
from bellglass.sandboxes.runner.checking.programs import Checker
from bellglass.sandboxes.runner.habits.transform import for_reading

Finding = dict[str, Any]
Lists = Iterator[tuple[str, list[Any]]]

MOST_CHARACTERS = 400_000
MOST_NODES = 200_000
"""Of a program that is looked through: some 15,000 lines, two seconds and 200 MB."""

RUFF_SECONDS = 3.0
"""For ruff to finish: it takes 20 ms, and seconds only where every line is wrong."""

TOO_DEEP = "Nested too deeply, or too large, for Python to parse."


def findings(code: str) -> Lists:
    """Return errors, warnings, risks and what is imported, each as soon as it is known."""
    code = code[1:] if code.startswith("\ufeff") else code
    source = Source(code)
    # Findings are about the lines as they were given; what is read is what would run.
    code = for_reading(code) or code
    if "\0" in code:
        place = source.at(code.index("\0"))
        yield "errors", [source.finding(*place, "a NUL byte cannot be part of a program")]
        return
    # It reads while we do.
    linter = ruff.start(code) if len(code) <= ruff.MOST_CHARACTERS else None
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        error, compiled = _compiled(code, source)
    errors = [error] if error else []
    if error and error["line"] is not None:
        never, closed = unclosed.close(code)
        if never:
            errors, linter = _with(never, closed, source, linter)
    yield "errors", errors

    large = len(code) > MOST_CHARACTERS
    tree = None if large else _tree(code)
    found = nodes.below(tree, MOST_NODES + 1) if tree else []
    large = large or len(found) > MOST_NODES
    program = None if large or tree is None else Program(tree, found, source)
    own_risks = program.risks() if program else []
    reports = ruff.reports(linter, RUFF_SECONDS) if linter else []

    if errors:
        yield "errors", syntax.others(errors, reports, source)
    yield "warnings", likely_bugs.merged(caught, reports, program, source)
    if compiled and compiled.co_flags & (inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR):
        yield "notes", ["await outside a function works in execute_python, not in a script."]
    if large:
        yield "notes", ["Risks are not named: the program is too large to look through."]
    elif program is None:
        yield "notes", ["Risks are named once the syntax is right."]
    else:
        yield "risks", program.with_ruffs(own_risks, reports)
        yield "imports", program.imported
        yield "missing", imports.missing(program.imported)
    if linter is None:
        yield "notes", ["ruff did not read it: the program is too large."]
    else:
        yield "notes", linter.notes("errors and warnings")


def _with(
    never: list[unclosed.Unclosed], closed: str, source: Source, linter: Checker | None
) -> tuple[list[Finding], Checker | None]:
    """Return what was never closed, and what the compiler says of the program that is `closed`.

    Its reader is to be the new one: it too would read on within the bracket or string.
    """
    if linter:
        linter.lines(0)
        linter = ruff.start(closed)
    errors = [
        source.finding(place.line, place.column, place.message, fix=fixes.fix(place.message, ""))
        for place in never
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # said of the program as it is
        error, _ = _compiled(closed, source)
    if error and error["line"] not in {place.line for place in never}:
        errors.append(error)
    return errors, linter


def _compiled(code: str, source: Source) -> tuple[Finding | None, CodeType | None]:
    try:
        # Compiling reads, and runs nothing. The flag is the one execute_python sets.
        flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
        return None, compile(code, "<code>", "exec", flags, dont_inherit=True)
    except SyntaxError as exc:
        width = 1
        if getattr(exc, "end_lineno", None) == exc.lineno and exc.offset:
            width = (getattr(exc, "end_offset", None) or 0) - exc.offset
        message = exc.msg or "invalid syntax"
        line = source.lines[min(exc.lineno or 1, len(source.lines)) - 1]
        advice = fixes.fix(message, line)
        return source.finding(exc.lineno, exc.offset, message, width, fix=advice), None
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
