"""Check of a Bash script, without running it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from bellglass.tools.validate_code.inside import bash_grammar, bash_risks, bash_syntax, shellcheck
from bellglass.tools.validate_code.inside.places import Source

CARRIAGE_RETURN = "the line ends with a carriage return, which bash takes as part of the last word"


def findings(code: str, *, lint: bool) -> Iterator[tuple[str, list[Any]]]:
    """Yield errors, warnings and risks, each as soon as it is known.

    `unread` says why risks may be missing. Without `lint` there are no warnings.
    """
    source = Source(code)
    at = code.find("\0")
    if at >= 0:
        yield "errors", [source.finding(*source.at(at), "a NUL byte cannot be part of a script")]
        return
    # Both run while we do something else.
    reader = bash_grammar.Reader(code)
    linter = shellcheck.Reading(code) if lint else None
    errors, warnings = bash_syntax.read(code, source)
    yield "errors", errors
    risks, unread = bash_risks.find(code, reader)
    for risk in risks:
        risk["column"] = source.column(risk["line"], risk["column"] - 1)
    yield "risks", risks
    if unread:
        why = "the syntax is not right" if errors else unread
        yield "unread", [unread]
        yield "notes", [f"Risks were looked for line by line, and some may be missing: {why}."]
    if linter is None:
        return
    if "\r\n" in code:
        line = code[: code.index("\r\n")].count("\n") + 1
        advice = "end lines with a line feed alone"
        warnings.append(source.finding(line, None, CARRIAGE_RETURN, fix=advice))
    found = linter.warnings(source)
    yield "warnings", [*warnings, *found] if not errors else []
    if not errors:
        yield "notes", linter.notes()
