"""What messages of all kinds have in common."""

from __future__ import annotations

from typing import Literal, TypedDict

Status = Literal[
    "ok",
    "error",
    "exit",
    "timeout",
    "cancelled",
    "oom",
    "killed",
    "crashed",
    "lost",
    "running",
]

ClaimedStatus = Literal["ok", "error", "exit"]
"""Statuses that a worker may report for its own call; all others are the supervisor's verdicts."""

VariableState = Literal["kept", "restored", "lost"]

RunStatus = Literal["running", "returned", "ended"]

Unanswered = Literal["interrupted", "finished"]
"""How a call ended whose server was gone by then."""


class Mark(TypedDict):
    """The identity of a request, repeated in every answer. Foreign code never sees the nonce."""

    id: int
    nonce: str
