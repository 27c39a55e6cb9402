"""Packets between a supervisor and its worker."""

from __future__ import annotations

from typing import Any, Literal, TypedDict, Union

from bellglass.sandboxes.wire.schema.basics import ClaimedStatus
from bellglass.sandboxes.wire.schema.execution import ExecutionError, Shown


class RunCode(TypedDict):
    type: Literal["code"]
    nonce: str
    number: int
    code: str


class BeginRun(TypedDict):
    """Code for a fork of the worker, which connects to the supervisor's socket of that name."""

    type: Literal["begin_run"]
    nonce: str
    number: int
    code: str
    name: str


class PipesTaken(TypedDict):
    """The supervisor has opened the pipes of a background run, which may begin."""

    type: Literal["pipes_taken"]
    nonce: str


class TakeCheckpoint(TypedDict):
    type: Literal["checkpoint"]
    nonce: str
    slot: int
    """The index of the spare socket that the supervisor will use for the checkpoint."""
    killed: list[int]
    """Children that the supervisor has killed: the worker waits for them first."""


class Displayed(TypedDict):
    """The acknowledgement of a display, or of a request to clear displays."""

    type: Literal["displayed"]
    nonce: str
    number: int
    kept: bool


ToWorker = Union[RunCode, BeginRun, PipesTaken, TakeCheckpoint, Displayed]

# --- packets of a worker: claims, until `supervisor/untrusted.py` has validated them


class Started(TypedDict):
    """The worker has taken the code, and may be interrupted from now on."""

    type: Literal["started"]
    nonce: str


class Answered(TypedDict):
    """A worker's report of code that it has run."""

    status: ClaimedStatus
    exit_code: int | None
    value: str | None
    error: ExecutionError | None
    changed: bool
    """Whether variables may have changed."""
    background_bytes: int


class Answer(Answered):
    type: Literal["answer"]
    nonce: str


class _InPlaceOf(TypedDict, total=False):
    in_place_of: int
    """The number of the display that it replaces."""


class Show(_InPlaceOf):
    type: Literal["display"]
    nonce: str
    number: int
    display: Shown


class Clear(TypedDict):
    type: Literal["clear"]
    nonce: str
    number: int


class Rested(TypedDict):
    """The worker waits, and has forked a checkpoint."""

    type: Literal["rested"]
    nonce: str
    checkpoint: int
    """The pid of the checkpoint; 0 if there is none."""


class RunBegun(TypedDict):
    type: Literal["run_begun"]
    nonce: str
    pid: int
    """The pid of the run; -1 if no process could be created."""


class PipesMade(TypedDict):
    """The first packet of a background run: the descriptors at which it has pipes to read from."""

    type: Literal["pipes"]
    nonce: str
    out: int
    err: int


FromWorker = Union[Started, Answer, Show, Clear, Rested, RunBegun, PipesMade]

Claim = dict[str, Any]
"""A packet of a worker as it arrives, in any shape."""
