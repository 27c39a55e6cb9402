"""Requests of the server to a supervisor."""

from __future__ import annotations

from typing import Any, Literal, TypedDict, Union

from bellglass.sandboxes.wire.schema.basics import Mark


class CallOptions(TypedDict, total=False):
    run: str
    """The call begins a background run of this name; its reply says that the run has begun."""
    trace: bool
    """Whether the execution is to have a timeline."""


class _Call(Mark, CallOptions):
    timeout: float


class PythonCall(_Call):
    op: Literal["python"]
    code: str


class BashCall(_Call):
    op: Literal["bash"]
    command: str


class JobCall(_Call):
    op: Literal["job"]
    job: str
    arguments: dict[str, Any]
    """Arguments of the tool for its own job."""


Call = Union[PythonCall, BashCall, JobCall]


class Cancel(TypedDict):
    op: Literal["cancel"]
    id: int
    """The id of the call that nobody waits for any more."""


class _Seconds(TypedDict, total=False):
    seconds: float
    """For how long output is wanted as it is printed; with `watch`."""


class AskRuns(Mark, _Seconds):
    """A request about a background run, answered also while a call runs."""

    op: Literal["runs"]
    do: Literal["read", "stop", "watch"]
    run: str


class Resume(TypedDict):
    """Another server re-attaches."""

    op: Literal["resume"]
    nonce: str


class OpenNetwork(TypedDict):
    """Programs may reach the server's proxy; sent before the first call."""

    op: Literal["network"]
    port: int
    environment: dict[str, str]


class NetStep(TypedDict, total=False):
    data: str
    """In base64; with `data`."""
    size: int
    """Bytes that may be sent in addition; with `credit`."""


class NetRequest(NetStep):
    """One event of a relayed connection, from the server."""

    op: Literal["net"]
    id: int
    event: Literal["data", "eof", "close", "credit"]


Request = Union[Call, Cancel, AskRuns, Resume, OpenNetwork, NetRequest]
