"""Check code without running any of it: its syntax, and what it could do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bellglass.sandboxes.common.jobs import Job
from bellglass.tools.validate_code.inside import bash_check, python_check, refusals

MAX_FINDINGS = 200
"""Findings of one list that are sent."""

_CHECKS = {"python": python_check.findings, "bash": bash_check.findings}
_INNER = ("imports", "unread")
"""Lists that are not sent."""


def run(arguments: dict[str, Any], send: Callable[[dict[str, Any]], None]) -> None:
    """Send the findings about `code` in `language`, list by list, then `finished`.

    A message holds one list and is sent as soon as it is known: a parser that crashes later does
    not affect it. With a `policy`, only what it refuses is sent. No part of the code is executed.
    """
    policy, code = arguments.get("policy"), arguments["code"]
    lists: dict[str, list[Any]] = {}
    try:
        code = refusals.program(code)
    except ValueError as exc:
        send({"refused": [str(exc)]})
        return
    for name, items in _CHECKS[str(arguments["language"])](code, lint=policy is None):
        if policy is not None:
            lists.setdefault(name, []).extend(items)
        elif name not in _INNER and (items or name == "errors"):
            send({name: items[:MAX_FINDINGS]})
            if len(items) > MAX_FINDINGS:
                send({"notes": [f"{len(items) - MAX_FINDINGS} more {name} are not listed."]})
    if policy is not None:
        send({"refused": refusals.find(policy, lists)})
    send({"finished": True})


JOB = Job(run)
