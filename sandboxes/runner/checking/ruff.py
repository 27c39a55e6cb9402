"""What ruff says of a Python program: syntax errors, likely bugs, and risks.

Its rules are those of pyflakes (F), bugbear (B), pylint (PL) and bandit (S). Left out is what is
a matter of style, and what is no more than a word in a program (S104, S105: an address, a
password?).
"""

from __future__ import annotations

import json
import sys
from typing import Any, NamedTuple

from bellglass.sandboxes.runner.checking import notebook
from bellglass.sandboxes.runner.checking import risk_rules as rules
from bellglass.sandboxes.runner.checking.programs import Checker

MOST_CHARACTERS = 200_000
"""Of a program that ruff reads: a worse one keeps it busy for seconds."""

_OLDEST, _NEWEST = 7, 14
"""Minor versions of Python 3 that every ruff knows by name."""

# https://docs.astral.sh/ruff/rules/
_LIKELY_BUGS = (
    "F402 F404 F407 F50 F52 F602 F621 F622 F631 F632 F633 F634 F7 F811 F82 F841 F901 "
    "B002 B003 B005 B006 B012 B014 B015 B016 B018 B020 B021 B022 B023 B025 B026 B029 B030 B031 "
    "B032 B033 B035 B039 PLE0 PLE11 PLE12 PLE13 PLE15 PLE17 PLE2 PLR0124 PLR0133 PLW0120 PLW0127 "
    "PLW0128 PLW0129 PLW0131 PLW0133 PLW0406 PLW0711 PLW1501 PLW1508 RUF006 RUF016 RUF030 "
    "SIM220 SIM221 SIM222 SIM223"
)

_RISKS = {
    "S102": (rules.EVALUATES, "runs a string as code"),
    "S103": (rules.PERMISSIONS, "lets others use a file"),
    "S301": (rules.UNSAFE_DATA, "can run any code that the data names"),
    "S302": (rules.UNSAFE_DATA, "can run any code that the data names"),
    "S306": (rules.WRITES, "names a temporary file that another may make first"),
    "S307": (rules.EVALUATES, "runs a string as code"),
    "S310": (rules.NETWORK, "fetches a URL, which may also be of a file"),
    "S312": (rules.NETWORK, "talks over telnet, unencrypted"),
    "S321": (rules.NETWORK, "talks over FTP, unencrypted"),
    "S323": (rules.NETWORK, "does not check who is at the other end"),
    "S501": (rules.NETWORK, "does not check who is at the other end"),
    "S502": (rules.NETWORK, "talks over a broken version of SSL"),
    "S506": (rules.UNSAFE_DATA, "can make any object that the data names"),
    "S507": (rules.NETWORK, "does not check who is at the other end"),
    "S601": (rules.PROCESS, "runs a command on another machine"),
    "S602": (rules.PROCESS, "runs a command in a shell"),
    "S604": (rules.PROCESS, "runs a command in a shell"),
    "S605": (rules.PROCESS, "runs a command in a shell"),
    "S606": (rules.PROCESS, "starts a program"),
    "S609": (rules.PROCESS, "runs a command in a shell that puts file names in for a *"),
    "S612": (rules.NETWORK, "takes its logging configuration from the network"),
}

AS_ERRORS = ("F404", "F407", "F622", "F701", "F702", "F704", "F706", "F707", "PLE0115", "PLE0117")
"""Codes of what the compiler refuses, once the parser has taken the program."""


class Report(NamedTuple):
    """One thing that ruff says. `code` is None for a syntax error; lines and columns from 1."""

    code: str | None
    line: int
    column: int
    end_line: int
    end_column: int
    message: str
    fix: str | None


def start(code: str) -> Checker:
    """Have ruff read `code`, beside what else is done meanwhile."""
    minor = max(_OLDEST, min(sys.version_info[1], _NEWEST))
    select = ",".join([*_LIKELY_BUGS.split(), *_RISKS])
    return Checker(
        "ruff",
        (
            "check",
            "--isolated",  # no configuration of anybody's
            f"--config=builtins={json.dumps(notebook.NAMES)}",
            "--no-cache",
            "--ignore-noqa",  # a comment in the code is no reason to be silent
            "--no-fix",
            f"--target-version=py3{minor}",
            f"--select={select}",
            "--output-format=json-lines",
            "-",
        ),
        code,
    )


def reports(checker: Checker, seconds: float) -> list[Report]:
    """Return what `checker` found, line by line."""
    found = []
    for value in checker.lines(seconds):
        try:
            found.append(_report(value))
        except (KeyError, TypeError, AttributeError):
            continue  # of another shape than the ruff we know
    return sorted(found, key=lambda report: (report.line, report.column))


def _report(value: dict[str, Any]) -> Report:
    code = value.get("code")
    place, end = value["location"], value["end_location"]
    return Report(
        None if code in (None, "invalid-syntax") else str(code),
        int(place["row"]),
        int(place["column"]),
        int(end["row"]),
        int(end["column"]),
        str(value["message"]),
        str(value["fix"]["message"]) if value.get("fix") else None,
    )


def risk(report: Report) -> tuple[str, str] | None:
    """Return kind and reason, if the report is of a risk."""
    return _RISKS.get(report.code or "")
