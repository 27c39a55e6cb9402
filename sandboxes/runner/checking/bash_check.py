"""What can be said of a bash script without running it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from bellglass.sandboxes.runner.checking import bash_risks, bash_syntax, shellcheck
from bellglass.sandboxes.runner.checking.bash_commands import TooDeep
from bellglass.sandboxes.runner.checking.places import Source

CARRIAGE_RETURN = "the line ends with a carriage return, which bash takes as part of the last word"


def findings(code: str) -> Iterator[tuple[str, list[Any]]]:
    """Return errors, warnings and risks, each as soon as it is known."""
    source = Source(code)
    at = code.find("\0")
    if at >= 0:
        yield "errors", [source.finding(*source.at(at), "a NUL byte cannot be part of a script")]
        return
    # It reads while we do.
    linter = shellcheck.Reading(code)
    errors, warnings = bash_syntax.read(code, source)
    yield "errors", errors
    try:
        yield "risks", bash_risks.find(code)
    except (TooDeep, RecursionError):
        yield "notes", ["Risks are not named: the script nests too deeply to look through."]
    if "\r\n" in code:
        line = code[: code.index("\r\n")].count("\n") + 1
        advice = "end lines with a line feed alone"
        warnings.append(source.finding(line, None, CARRIAGE_RETURN, fix=advice))
    found = linter.warnings(source)
    yield "warnings", [*warnings, *found] if not errors else []
    if not errors:
        yield "notes", linter.notes()
