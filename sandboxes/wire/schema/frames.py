"""Frames of a supervisor to the server."""

from __future__ import annotations

from typing import Literal, TypedDict, Union

from bellglass.sandboxes.wire.schema.basics import Mark, Unanswered, VariableState
from bellglass.sandboxes.wire.schema.execution import Execution, RunState
from bellglass.sandboxes.wire.schema.requests import NetStep


class SelfCheck(TypedDict):
    """What the supervisor reports about its own confinement."""

    python: str
    uid: int
    capabilities: int
    no_new_privs: bool
    seccomp: int
    interfaces: list[str]
    closed_supervisor: bool
    writable_disks: list[str]
    memory_bytes: int | None
    processes: int | None


class KnownRun(Mark):
    """A background run that another server began."""

    run: RunState


class _Reattached(TypedDict, total=False):
    nonce: str
    """The nonce of the server that re-attaches."""
    ticks: bool
    state: VariableState | None
    """The state of the variables, if another server used the sandbox before."""
    runs: list[KnownRun]
    unanswered: Unanswered | None
    """How the last call ended, if the server that it was for was gone."""


class Ready(SelfCheck, _Reattached):
    type: Literal["ready"]


class Stream(Mark):
    """Output, while the code runs."""

    type: Literal["stream"]
    name: Literal["stdout", "stderr"]
    text: str


class Net(NetStep):
    """One event of a relayed connection, from a program inside."""

    type: Literal["net"]
    id: int
    event: Literal["open", "data", "eof", "close", "credit"]


class Note(Mark):
    """The state of a background run, after the reply that it had begun."""

    type: Literal["note"]
    state: Literal["returned", "ended"]


class Tick(TypedDict):
    """The supervisor is awake."""

    type: Literal["tick"]


class Reply(Mark):
    type: Literal["reply"]
    execution: Execution


Frame = Union[Ready, Stream, Net, Note, Tick, Reply]
