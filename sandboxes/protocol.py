"""Frames between the server and a supervisor. No I/O here.

A frame is a 4-byte big-endian length and that many bytes of JSON. The server sends requests; the
runner sends one `ready`, then for each request any number of `stream` and exactly one `reply`,
each with the request's id and nonce. A background run goes on after its reply: its `note` and
`stream` frames come with the id and nonce that began it, and requests about runs are answered
whatever else is running. While something goes on, `tick` frames say that the supervisor is awake.
The nonce is random and never shown to the code that runs: whatever that code writes, wherever it
writes it, cannot be taken for an answer.
"""

from __future__ import annotations

import base64
import json
import secrets
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, TypeAdapter

from bellglass.sandboxes.execution import CleanStr, Execution
from bellglass.sandboxes.self_check import SelfCheck

MAX_FRAME = 16 * 1024**2
"""Bytes of one frame from the supervisor: its own caps add up to less than half of this."""


def _decoded(data: object) -> object:
    return base64.b64decode(data, validate=True) if isinstance(data, str) else data


Base64 = Annotated[bytes, BeforeValidator(_decoded)]


class _Frame(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Ready(SelfCheck):
    """The supervisor is up; what it sees of the confinement around it."""

    type: Literal["ready"]
    ticks: bool = False
    """It sends a `tick` now and then while something goes on."""
    state: Literal["kept", "restored", "lost"] | None = None
    """Of the variables, where the sandbox was another server's before; None where it is new."""


class Stream(_Frame):
    """Output, while the code runs."""

    type: Literal["stream"]
    id: int
    nonce: str
    name: Literal["stdout", "stderr"]
    text: CleanStr = Field(max_length=100_000)


class Net(_Frame):
    """One step of a connection that a program in the place has to us: see `supervisor/relay`."""

    type: Literal["net"]
    id: int = Field(ge=1, le=2**53)
    event: Literal["open", "data", "eof", "close", "credit"]
    data: Base64 = Field(default=b"", max_length=64 * 1024)
    size: int = Field(default=0, ge=0, le=1024**2)


class Note(_Frame):
    """What became of a background run; its id and nonce are those of the request that began it."""

    type: Literal["note"]
    id: int
    nonce: str
    state: Literal["running", "returned", "ended"]


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

FromRunner = TypeAdapter[AnyFrame](Annotated[AnyFrame, Field(discriminator="type")])


def encode(frame: dict[str, Any]) -> bytes:
    """Return `frame` as bytes to send."""
    body = json.dumps(frame, separators=(",", ":")).encode()
    return len(body).to_bytes(4, "big") + body


def new_nonce() -> str:
    return secrets.token_hex(16)
