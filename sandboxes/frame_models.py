"""Validated models of the supervisor's frames, as the server receives them. No I/O here.

The supervisor sends one `ready`, then for each request any number of `stream` and exactly one
`reply`, each with the request's id and nonce. A background run goes on after its reply: its `note`
and `stream` frames have the id and nonce of the request that began it. Requests about runs are
answered at any time. While something goes on, `tick` frames say that the supervisor is awake. The
nonce is random and never shown to the code that runs, so nothing that the code writes, anywhere,
can be taken for an answer.

`wire/schema` has the types with which the supervisor builds these frames.
"""

from __future__ import annotations

import base64
import secrets
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, TypeAdapter

from bellglass.sandboxes.common.limits import MAX_ENDED_RUNS, MAX_RUNS
from bellglass.sandboxes.execution import CleanStr, Execution, RunState
from bellglass.sandboxes.self_check import SelfCheck

if TYPE_CHECKING:
    from bellglass.sandboxes.wire.schema.basics import Mark
    from bellglass.sandboxes.wire.schema.requests import Call, CallOptions


def _decoded(data: object) -> object:
    return base64.b64decode(data, validate=True) if isinstance(data, str) else data


Base64 = Annotated[bytes, BeforeValidator(_decoded)]


class _Frame(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class KnownRun(_Frame):
    """A background run that another server began, with the id and nonce of its request."""

    id: int
    nonce: str = Field(max_length=100)
    run: RunState


class Ready(SelfCheck):
    """The supervisor is up, and reports about its confinement."""

    type: Literal["ready"]
    ticks: bool = False
    """Whether it sends a `tick` from time to time while something goes on."""
    nonce: str = Field(default="", max_length=100)
    """The nonce by which a server that re-attaches recognizes the self-check that it asked for."""
    state: Literal["kept", "restored", "lost"] | None = None
    """The state of the variables if another server used the sandbox before; None for a new one."""
    runs: list[KnownRun] = Field(default=[], max_length=MAX_RUNS + MAX_ENDED_RUNS)
    unanswered: Literal["interrupted", "finished"] | None = None
    """How the last call ended, if the server that it was for was gone by then."""


class Stream(_Frame):
    """Output, while the code runs."""

    type: Literal["stream"]
    id: int
    nonce: str
    name: Literal["stdout", "stderr"]
    text: CleanStr = Field(max_length=100_000)


class Net(_Frame):
    """One event of a relayed connection of a program in the sandbox: see `supervisor/relay`."""

    type: Literal["net"]
    id: int = Field(ge=1, le=2**53)
    event: Literal["open", "data", "eof", "close", "credit"]
    data: Base64 = Field(default=b"", max_length=64 * 1024)
    size: int = Field(default=0, ge=0, le=1024**2)


class Note(_Frame):
    """The state of a background run; id and nonce are those of the call that began it."""

    type: Literal["note"]
    id: int
    nonce: str
    state: Literal["returned", "ended"]


class Tick(_Frame):
    """The supervisor is awake; sent while a call or a background run goes on."""

    type: Literal["tick"]


class Reply(_Frame):
    """The end of a request."""

    type: Literal["reply"]
    id: int
    nonce: str
    execution: Execution


AnyFrame = Ready | Stream | Note | Net | Tick | Reply

FromSupervisor = TypeAdapter[AnyFrame](Annotated[AnyFrame, Field(discriminator="type")])


def call_of(
    op: str, arguments: dict[str, Any], mark: Mark, timeout: float, run: str | None = None
) -> Call:
    """Return the request for one operation: Python, Bash, or the job of a tool.

    `run` names the background run that it begins.
    """
    options: CallOptions = {} if run is None else {"run": run}
    if op == "python":
        code: str = arguments["code"]
        return {"op": "python", **mark, **options, "timeout": timeout, "code": code}
    if op == "bash":
        command: str = arguments["command"]
        return {"op": "bash", **mark, **options, "timeout": timeout, "command": command}
    given = {**arguments}
    return {"op": "job", **mark, **options, "timeout": timeout, "job": op, "arguments": given}


def new_nonce() -> str:
    return secrets.token_hex(16)
