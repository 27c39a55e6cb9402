"""Likely bugs of a Python program: the compiler's warnings, our own findings and ruff's."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from itertools import islice
from typing import TYPE_CHECKING, Any

from bellglass.sandboxes.runner.checking import calls, mistakes, ruff
from bellglass.sandboxes.runner.checking.origins import import_of
from bellglass.sandboxes.runner.checking.places import Source

if TYPE_CHECKING:
    from warnings import WarningMessage

    from bellglass.sandboxes.runner.checking.program import Program

Finding = dict[str, Any]

# What the compiler warns of, and the code under which ruff says the same.
_COMPILER = (
    ("with a literal", "F632", "compare values with == or !="),
    ("with 'int' literal", "F632", "compare values with == or !="),
    ("assertion is always true", "F631", "take the parentheses away"),
    ("invalid escape sequence", "W605", "put an r before the string, or double the backslash"),
    ("'return' in a 'finally'", "B012", None),
    ("perhaps you missed a comma", "", "put a comma between the two"),
)

MOST_REPORTS = 250
"""Of ruff's that are looked at: a result lists fewer."""

MOST_NAMES = 500
"""Of a program, in which a misspelt one is looked for."""

_SHOWN = ("B015", "B018")
"""An expression of which nothing uses the value."""

_OTHER_LANGUAGES = {"true": "True", "false": "False", "null": "None", "nil": "None"}


def merged(
    caught: Iterable[WarningMessage],
    reports: Iterable[ruff.Report],
    program: Program | None,
    source: Source,
) -> list[Finding]:
    """Return all of them by line, none twice; ours before ruff's."""
    found: dict[tuple[int, str], Finding] = {}
    """By line, and the code or the message."""
    for warning in caught:
        message = str(warning.message)
        code, fix = next(
            ((code, fix) for part, code, fix in _COMPILER if part in message), (message, None)
        )
        # The parser reads a faulty program twice, and then warns twice.
        found[warning.lineno, code] = source.finding(warning.lineno, None, message, fix=fix)
    if program is not None:
        for node, message, code in (
            *mistakes.find(program.nodes),
            *((node, message, "") for node, message in calls.find(program.tree, program.uses)),
        ):
            line, offset = getattr(node, "lineno", 1), getattr(node, "col_offset", 0)
            finding = source.finding(line, source.column(line, offset), message)
            found.setdefault((line, code or message), finding)
        used = program.used()
        for report in islice(reports, MOST_REPORTS):
            if _counts(report, used) and (report.line, report.code) not in found:
                finding = _finding(report, program, source)
                found[report.line, finding["message"]] = finding
    return sorted(found.values(), key=lambda finding: finding["line"] or 0)


def _counts(report: ruff.Report, used: set[int]) -> bool:
    if report.code is None or report.code in ruff.AS_ERRORS or ruff.risk(report):
        return False
    if report.code in _SHOWN and report.line in used:
        return False
    return report.code != "PLE1142"  # await, which works at the top of a call


def _finding(report: ruff.Report, program: Program, source: Source) -> Finding:
    message, fix = report.message.replace("`", "'"), report.fix
    name = re.search("'(.+?)'", message)
    if report.code == "F821" and name:
        fix = _origin(name.group(1), program)
        message = f"undefined name {name.group()}, unless an earlier call defined it"
    width = report.end_column - report.column if report.end_line == report.line else 1
    return source.finding(report.line, report.column, message, width, fix=fix)


def _origin(name: str, program: Program) -> str | None:
    """Return where a name that has no meaning may come from."""
    if name in _OTHER_LANGUAGES:
        return f"write {_OTHER_LANGUAGES[name]}"
    if known := import_of(name):
        return known
    if len(program.bound) > MOST_NAMES:
        return None  # to compare with so many takes long
    near = difflib.get_close_matches(name, program.bound, n=1, cutoff=0.75)
    return f"did you mean {near[0]}?" if near else None
