"""What shellcheck says of a bash script: likely bugs, beside what bash itself refuses."""

from __future__ import annotations

import time
from typing import Any

from bellglass.sandboxes.runner.checking.places import Source
from bellglass.sandboxes.runner.checking.programs import Checker

SHORT_LINES = 80
SHORT_CHARACTERS = 4_000
"""Of a script that is waited for: shellcheck needs a millisecond a line, and some 30."""

PATIENCE = 3.0
SECONDS_FOR_LONG = 0.05
"""For a longer script shellcheck has this time, so that an answer takes no more than 0.1 s."""

HOPELESS_LINES = 300
"""Of a script that it never reads in that time, and is not started for."""

MOST_CHARACTERS = 100_000

# https://www.shellcheck.net/wiki/
_LEFT_OUT = (
    "SC1017,"  # carriage returns: ours says it once
    "SC1090,SC1091,"  # files that are sourced, which are not read
    "SC2034,"  # variables that are not used: a later call may
    "SC2164,"  # cd without || exit
    "SC2148"  # no shebang
)

_ALSO = (2046, 2059, 2086)
"""Codes of a lower level that count all the same: quotes that are missing."""

_NOTE = "shellcheck takes too long for this: check a script of more than {} lines in parts."


class Reading:
    """shellcheck at work, from here until its findings are asked for."""

    def __init__(self, code: str) -> None:
        lines = code.count("\n")
        self._short = lines < SHORT_LINES and len(code) <= SHORT_CHARACTERS
        self._started = time.monotonic()
        self._checker: Checker | None = None
        if lines >= HOPELESS_LINES:
            return
        arguments = (
            "--norc",
            "--shell=bash",
            "--format=json1",
            "--severity=info",
            f"--exclude={_LEFT_OUT}",
            # Where values flow takes seconds to follow.
            "--extended-analysis=false",
            "-",
        )
        self._checker = Checker("shellcheck", arguments, code[:MOST_CHARACTERS])

    def warnings(self, source: Source) -> list[dict[str, Any]]:
        """Return what it found, by line."""
        seconds = PATIENCE
        if not self._short:
            seconds = max(0.0, SECONDS_FOR_LONG - (time.monotonic() - self._started))
        found = []
        for value in self._checker.lines(seconds) if self._checker else ():
            comments = value.get("comments") if isinstance(value, dict) else None
            for comment in comments if isinstance(comments, list) else ():
                try:
                    if finding := _finding(comment, source):
                        found.append(finding)
                except (KeyError, TypeError):
                    continue  # of another shape than the shellcheck we know
        return sorted(found, key=lambda finding: finding["line"] or 0)

    def notes(self) -> list[str]:
        """Say what the answer lacks, if it lacks something."""
        late = self._checker is None or (self._checker.installed and not self._checker.finished)
        if self._checker is None or (late and not self._short):
            return [_NOTE.format(SHORT_LINES)]
        return self._checker.notes("warnings")


def _finding(comment: dict[str, Any], source: Source) -> dict[str, Any] | None:
    code = int(comment["code"])
    if (comment["level"] == "info" and code not in _ALSO) or 1000 <= code < 2000:
        return None  # style; or what bash says of the syntax, in other words
    line, column, end = comment["line"], comment["column"], comment["endColumn"]
    width = end - column if comment["endLine"] == line else 1
    message = str(comment["message"])
    if code == 2154:
        message = message.rstrip(".") + ", unless an earlier call exported it."
    fix = "put it in double quotes" if code in (2086, 2046) else None
    return source.finding(line, column, message, width, fix=fix)
