"""An agent that solves tasks by writing code. It is a client of the server like any other.

It imports nothing from tools or sandboxes: it knows them only through the protocol.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bellglass.agent.agent import Agent
from bellglass.agent.answer import Answer, Evidence, Usage
from bellglass.agent.errors import (
    DataRefused,
    ModelFailed,
    ModelUnavailable,
    RecordingMismatch,
    ServerUnavailable,
    SolvingError,
)
from bellglass.agent.limits import Limits
from bellglass.agent.messages import Message, Model, Turn
from bellglass.agent.recording import Recorder, Recording, Replay

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from os import PathLike

    from bellglass.agent.answer import ModeName

__all__ = [
    "Agent",
    "Answer",
    "DataRefused",
    "Evidence",
    "Limits",
    "Message",
    "Model",
    "ModelFailed",
    "ModelUnavailable",
    "Recorder",
    "Recording",
    "RecordingMismatch",
    "Replay",
    "ServerUnavailable",
    "SolvingError",
    "Turn",
    "Usage",
    "solve",
]


async def solve(
    task: str,
    *,
    model: Model | str,
    data: Sequence[str | PathLike[str]] = (),
    mode: ModeName | None = None,
    limits: Limits | None = None,
    url: str | None = None,
    token: str | None = None,
    settings: Mapping[str, str] | None = None,
) -> Answer:
    """Solve one task, with a server of its own unless `url` names one.

    `model` is a name such as "anthropic:NAME" or "openai:NAME", or an object with an `ask` method;
    see `Model`.

    Raises:
        SolvingError: The task could not be started.
    """
    from pathlib import Path

    if isinstance(model, str):
        from bellglass.agent.providers import provided

        model = provided(model)
    async with Agent(model, limits=limits, url=url, token=token, settings=settings) as agent:
        return await agent.solve(task, data=[Path(file) for file in data], mode=mode)
