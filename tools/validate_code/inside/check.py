"""Reading code without running any of it: is its syntax right, and what could it do."""

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
    """Send what there is to say about `code` in `language`, list by list, then `finished`.

    A message holds one list, sent as soon as it is known: a parser that dies later takes nothing
    back. With a `policy`, nothing is sent but what it refuses. Nothing of the code is executed.
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
