"""Check of a Python program, without running it."""

from __future__ import annotations

import ast
import difflib
import inspect
import re
import sys
import warnings
from collections.abc import Iterable, Iterator
from types import CodeType
from typing import Any

from bellglass.sandboxes.common.notebook.as_python import as_python
from bellglass.tools.validate_code.inside import (
    imports,
    mistakes,
    notebook,
    python_risks,
    ruff,
    scopes,
)
from bellglass.tools.validate_code.inside.names import Names
from bellglass.tools.validate_code.inside.places import Source

Finding = dict[str, Any]
Lists = Iterator[tuple[str, list[Any]]]

TOO_DEEP = "Nested too deeply, or too large, for Python to parse."
MAX_NAMES = 500
"""Names of a program in which a misspelt one is looked for: comparing takes long."""

_ENDLESS = ("was never closed", "unterminated triple-quoted")
"""Messages of errors that swallow the lines after them, whose own errors only follow from them."""
_OPEN = re.compile(r"Expected '[,)\]}]', found|Positional argument cannot follow keyword")
_FOLLOWS = re.compile(rf"{_OPEN.pattern}|Unexpected indentation|unindent")


def findings(code: str, *, lint: bool) -> Lists:
    """Yield errors, warnings, risks and imports, each as soon as it is known.

    `unread` says why risks may be missing. Without `lint` there are no warnings.
    """
    code = code[1:] if code.startswith("\ufeff") else code
    source = Source(code)
    if "\0" in code:
        place = source.at(code.index("\0"))
        yield "errors", [source.finding(*place, "a NUL byte cannot be part of a program")]
        return
    linter = ruff.start(code)  # it runs while we do something else
    code = as_python(code)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        error, compiled = _compiled(code, source)
    yield "errors", [error] if error else []

    program = _parsed(code)
    names = Names()
    of_magics = notebook.read(program.nodes if program else [])
    risks = [*(python_risks.find(program, names) if program else ()), *of_magics.risks]
    for risk in risks:
        risk["column"] = source.column(risk["line"], risk["column"])
    reports = ruff.reports(linter)
    if error:
        yield "errors", _further_errors(error, reports, source)
    if lint:
        yield "warnings", _likely_bugs(caught, reports, program, source)
    if compiled and compiled.co_flags & (inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR):
        yield "notes", ["await outside a function works in execute_python, not in a script."]
    if program is None:
        yield "notes", ["Risks are named once the syntax is right."]
    else:
        yield "risks", _with_ruffs(risks, reports)
        yield "unread", of_magics.unread
        yield "notes", [f"Risks of commands may be missing: {why}." for why in of_magics.unread[:1]]
        # After the risks, which come upon the meanings of names.
        imported = imports.find(program, names)
        yield "imports", imported
        yield "missing", imports.missing(imported)
    yield "notes", linter.notes("errors and warnings")


def _parsed(code: str) -> scopes.Reading | None:
    """Return the program in `code`, if it can be compiled."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            flags = ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
            tree = compile(code, "<code>", "exec", flags, dont_inherit=True)
        assert isinstance(tree, ast.Module)
        if "get_ipython" in code:
            notebook.lay_open(tree)
        return scopes.read(tree, code)
    except (SyntaxError, ValueError, RecursionError, MemoryError, OverflowError):
        return None


def _compiled(code: str, source: Source) -> tuple[Finding | None, CodeType | None]:
    try:
        # Compiling runs nothing. The flag is the one that execute_python sets.
        flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
        return None, compile(code, "<code>", "exec", flags, dont_inherit=True)
    except SyntaxError as exc:
        width = 1
        if getattr(exc, "end_lineno", None) == exc.lineno and exc.offset:
            width = (getattr(exc, "end_offset", None) or 0) - exc.offset
        line = source.lines[min(exc.lineno or 1, len(source.lines)) - 1]
        message = exc.msg or "invalid syntax"
        fix = notebook.advice(line)
        return source.finding(exc.lineno, exc.offset, message, width, fix=fix), None
    except (RecursionError, MemoryError):
        return source.finding(None, None, TOO_DEEP), None
    except UnicodeEncodeError as exc:
        line, column = source.at(exc.start)
        return source.finding(line, column, "half of a surrogate pair is not a character"), None
    except (ValueError, OverflowError) as exc:
        return source.finding(None, None, str(exc)), None


def _further_errors(
    first: Finding, reports: Iterable[ruff.Report], source: Source
) -> list[Finding]:
    """Return the syntax errors after the compiler's first one: ruff goes on after an error.

    Only the first error of a line counts, and none that only follows from the line above: an open
    bracket there causes an error at the first word of the next line.
    """
    if first["line"] is None or any(words in first["message"] for words in _ENDLESS):
        return []
    found: dict[int, Finding] = {first["line"]: first}
    explained = {first["line"]}
    for report in reports:
        line, column, message = report.line, report.column, report.message
        if not report.is_syntax_error or line in found:
            continue
        above = source.last_before(line)
        at_end = message.startswith("unexpected EOF") and bool({line, above} & explained)
        if at_end or (column == 1 and above in explained and _FOLLOWS.match(message)):
            explained.add(line)
            continue
        explained.add(line)
        is_empty = line > len(source.lines) or not source.lines[line - 1].strip()
        if is_empty or (column == 1 and _OPEN.match(message)):
            line, column = above, len(source.lines[above - 1]) + 1
            message = "a bracket or a block is still open at the end of this line"
            explained.add(line)
        found.setdefault(line, source.finding(line, column, message, _width(report)))
    return list(found.values())[1:]


def _likely_bugs(
    caught: Iterable[warnings.WarningMessage],
    reports: Iterable[ruff.Report],
    program: scopes.Reading | None,
    source: Source,
) -> list[Finding]:
    """Return the compiler's warnings, our own and ruff's by line, without duplicates."""
    found = [source.finding(warning.lineno, None, str(warning.message)) for warning in caught]
    if program is not None:
        for node, message in mistakes.find(program):
            line = getattr(node, "lineno", 1)
            column = source.column(line, getattr(node, "col_offset", 0))
            found.append(source.finding(line, column, message))
        # An expression alone in a with or a try tests an exception.
        raising = {
            node.body[0].lineno
            for node in program.nodes
            if isinstance(node, (ast.With, ast.AsyncWith, ast.Try)) and len(node.body) == 1
        }
        for report in reports:
            of_test = report.code in ("B015", "B018") and report.line in raising
            if not (report.is_syntax_error or report.risk or of_test):
                found.append(_likely_bug(report, program, source))
    # The parser reads a faulty program twice, and then warns twice.
    once = {(finding["line"], finding["message"]): finding for finding in found}
    return sorted(once.values(), key=lambda finding: finding["line"] or 0)


def _likely_bug(report: ruff.Report, program: scopes.Reading, source: Source) -> Finding:
    message, fix = report.message, report.fix
    name = re.search("'(.+?)'", message)
    if report.code == "F821" and name:
        fix = _origin(name[1], program)
        message = f"undefined name {name[0]}, unless an earlier call defined it"
    return source.finding(report.line, report.column, message, _width(report), fix=fix)


def _origin(name: str, program: scopes.Reading) -> str | None:
    """Return where an undefined name may come from."""
    if name in getattr(sys, "stdlib_module_names", ()):  # since Python 3.10
        return f"import {name}"
    known = program.module.everywhere
    if len(known) > MAX_NAMES:
        return None
    near = difflib.get_close_matches(name, [*known, *notebook.builtin_names()], n=1, cutoff=0.75)
    return f"did you mean {near[0]}?" if near else None


def _with_ruffs(risks: list[Finding], reports: Iterable[ruff.Report]) -> list[Finding]:
    """Return our own risks, and those of ruff's that are in no call of which we said the same."""
    found = list(risks)
    for report in reports:
        if report.risk is None:
            continue
        kind, reason = report.risk
        if not any(
            risk["kind"] == kind and risk["line"] <= report.line <= risk["end_line"]
            for risk in found
        ):
            place = {"line": report.line, "column": report.column, "end_line": report.end_line}
            found.append({"kind": kind, **place, "reason": f"the call {reason}"})
    for risk in found:
        del risk["end_line"]
    return sorted(found, key=lambda risk: (risk["line"], risk["column"]))


def _width(report: ruff.Report) -> int:
    return report.end_column - report.column if report.end_line == report.line else 1
