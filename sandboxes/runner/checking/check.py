"""Reading code without running any of it: is its syntax right, and what could it do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bellglass.sandboxes.runner.checking import bash_check, python_check

MOST = 200
"""Findings of one list that are sent."""

_CHECKS = {"python": python_check.findings, "bash": bash_check.findings}


def run(arguments: dict[str, Any], send: Callable[[dict[str, Any]], None]) -> None:
    """Send what there is to say about `code` in `language`, list by list, then `finished`.

    A message holds one list, sent as soon as it is known: a parser that dies later takes nothing
    back. Nothing of the code is executed.
    """
    findings = _CHECKS[str(arguments["language"])]
    for name, items in findings(str(arguments["code"])):
        send({name: items[:MOST]})
        if len(items) > MOST:
            send({"notes": [f"{len(items) - MOST} more {name} are not listed."]})
    send({"finished": True})
