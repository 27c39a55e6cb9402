"""Findings of ruff in a Python program: syntax errors, likely bugs, and risks."""

from __future__ import annotations

import json
import re
import sys
from typing import Any, NamedTuple

from bellglass.tools.validate_code.inside import risk_rules
from bellglass.tools.validate_code.inside.programs import Checker

RUFF_TIMEOUT_SECONDS = 3.0
"""For ruff to finish: it takes 20 ms, and seconds only if every line is wrong."""

MAX_REPORTS = 500
"""Findings of ruff that are examined: a result lists fewer of each kind."""

_OLDEST, _NEWEST = 7, 14
"""Minor versions of Python 3 that every supported ruff knows by name."""

# https://docs.astral.sh/ruff/rules/: what is hardly ever meant, and nothing that is style. What
# CPython warns of by itself is not asked for again.
_LIKELY_BUGS = (
    "F402 F404 F407 F50 F52 F601 F602 F621 F622 F633 F634 F7 F811 F82 F841 F901 "
    "B002 B003 B005 B006 B012 B014 B015 B016 B018 B020 B021 B022 B023 B025 B026 B029 B030 B031 "
    "B032 B033 B035 B039 PLE0 PLE11 PLE12 PLE13 PLE15 PLE17 PLE2 PLR0124 PLR0133 PLW0120 PLW0127 "
    "PLW0128 PLW0129 PLW0131 PLW0133 PLW0406 PLW0711 PLW1501 PLW1508 RUF006 RUF016 RUF030 "
    "SIM220 SIM221 SIM222 SIM223"
)

_SYNTAX = ("F404", "F407", "F622", "F701", "F702", "F704", "F706", "F707", "PLE0115", "PLE0117")
"""Codes of what the compiler refuses after the parser has accepted the program."""


class Report(NamedTuple):
    """One finding of ruff. Lines and columns count from 1."""

    code: str
    line: int
    column: int
    end_line: int
    end_column: int
    message: str
    fix: str | None

    @property
    def is_syntax_error(self) -> bool:
        return self.code == "invalid-syntax" or self.code in _SYNTAX

    @property
    def risk(self) -> tuple[str, str] | None:
        """The kind and reason, if the finding is a risk."""
        return risk_rules.RUFF.get(self.code)


def start(code: str) -> Checker:
    """Have ruff read `code`, beside what else is done meanwhile.

    It reads a cell of a notebook, which is what a call is like: magics and `await` may stand in it,
    and its last expression is shown.
    """
    minor = max(_OLDEST, min(sys.version_info[1], _NEWEST))
    cell: dict[str, Any] = {
        "cell_type": "code",
        "execution_count": None,
        "metadata": {},
        "outputs": [],
        "source": code.encode("utf-8", "replace").decode(),
    }
    notebook = {"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 4}
    return Checker(
        "ruff",
        (
            "check",
            "--isolated",  # without any configuration of the user's
            "--no-cache",
            "--ignore-noqa",  # a comment in the code must not hide a finding
            "--no-fix",
            f"--target-version=py3{minor}",
            f"--select={','.join([*_LIKELY_BUGS.split(), *risk_rules.RUFF])}",
            "--output-format=json-lines",
            "--stdin-filename=code.ipynb",
            "-",
        ),
        json.dumps(notebook),
    )


def reports(checker: Checker) -> list[Report]:
    """Return the findings of `checker`, by line."""
    found = []
    for value in checker.lines(RUFF_TIMEOUT_SECONDS):
        try:
            found.append(_report(value))
        except (KeyError, TypeError, AttributeError):
            continue  # of another shape than that of the ruff we know
    return sorted(found, key=lambda report: (report.line, report.column))[:MAX_REPORTS]


def _report(value: dict[str, Any]) -> Report:
    place, end = value["location"], value["end_location"]
    return Report(
        str(value.get("code") or "invalid-syntax"),
        int(place["row"]),
        int(place["column"]),
        int(end["row"]),
        int(end["column"]),
        re.sub("'?`'?", "'", str(value["message"])),
        str(value["fix"]["message"]) if value.get("fix") else None,
    )
