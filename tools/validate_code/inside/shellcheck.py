"""Findings of shellcheck in a Bash script: likely bugs, beside bash's own syntax errors."""

from __future__ import annotations

from typing import Any

from bellglass.tools.validate_code.inside.places import Source
from bellglass.tools.validate_code.inside.programs import Checker

MAX_LINES = 300
"""Lines of a script that shellcheck reads: it needs up to a millisecond a line."""

MAX_CHARACTERS = 30_000
"""Characters of a script, because a single line can be long as well."""

SHELLCHECK_TIMEOUT_SECONDS = 3.0

# https://www.shellcheck.net/wiki/
_LEFT_OUT = (
    "SC1017,"  # carriage returns, which our own finding reports once
    "SC1090,SC1091,"  # sourced files, which are not read
    "SC2034,"  # unused variables: a later call may use them
    "SC2164,"  # cd without || exit
    "SC2148"  # no shebang
)

_ALSO = (2046, 2059, 2086)
"""Codes of a lower level that count all the same: missing quotes."""

_TOO_LONG = f"shellcheck did not read it: check a script of more than {MAX_LINES} lines in parts."


class Reading:
    """shellcheck running on a script, until its findings are asked for."""

    def __init__(self, code: str) -> None:
        self._checker: Checker | None = None
        if code.count("\n") <= MAX_LINES and len(code) <= MAX_CHARACTERS:
            arguments = (
                "--norc",
                "--shell=bash",
                "--format=json1",
                "--severity=info",
                f"--exclude={_LEFT_OUT}",
                # Data flow analysis takes seconds.
                "--extended-analysis=false",
                "-",
            )
            self._checker = Checker("shellcheck", arguments, code)

    def warnings(self, source: Source) -> list[dict[str, Any]]:
        """Return its findings, by line."""
        answers = self._checker.lines(SHELLCHECK_TIMEOUT_SECONDS) if self._checker else []
        comments = [comment for answer in answers for comment in answer["comments"]]
        found = [finding for comment in comments if (finding := _finding(comment, source))]
        return sorted(found, key=lambda finding: finding["line"] or 0)

    def notes(self) -> list[str]:
        """Say what the answer lacks, if it lacks something."""
        return self._checker.notes("warnings") if self._checker else [_TOO_LONG]


def _finding(comment: dict[str, Any], source: Source) -> dict[str, Any] | None:
    code = int(comment["code"])
    if (comment["level"] == "info" and code not in _ALSO) or 1000 <= code < 2000:
        return None  # a matter of style, or what bash says about the syntax in other words
    line, column, end = comment["line"], comment["column"], comment["endColumn"]
    width = end - column if comment["endLine"] == line else 1
    message = str(comment["message"])
    if code == 2154:
        message = message.rstrip(".") + ", unless an earlier call exported it."
    fix = "put it in double quotes" if code in (2086, 2046) else None
    return source.finding(line, column, message, width, fix=fix)
