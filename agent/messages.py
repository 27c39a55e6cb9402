"""What passes between the agent and a model."""

from __future__ import annotations

import re
from hashlib import sha256
from typing import Literal, Protocol

from pydantic import BaseModel, ConfigDict, Field

MAX_ANSWER_CHARACTERS = 400_000
"""Of one answer; a model that goes on is cut off."""


class Message(BaseModel):
    model_config = ConfigDict(frozen=True)

    role: Literal["system", "user", "assistant"]
    text: str


class Turn(BaseModel):
    """One answer of a model, and what it took."""

    model_config = ConfigDict(frozen=True)

    text: str = Field(max_length=MAX_ANSWER_CHARACTERS)
    input_tokens: int = Field(default=0, ge=0)
    output_tokens: int = Field(default=0, ge=0)
    dollars: float | None = Field(default=None, ge=0)
    cut: bool = Field(default=False, description="The model came to a limit before its end.")


class Model(Protocol):
    """Whoever answers: a provider's model, or a recording of one."""

    @property
    def name(self) -> str: ...

    async def ask(self, messages: tuple[Message, ...], *, tokens: int, seconds: float) -> Turn:
        """Return the answer, of at most `tokens`, within `seconds`.

        Raises:
            ModelFailed: There is none.
        """


# What differs from run to run, and from machine to machine, and is no part of what was asked.
_PASSING = (
    (re.compile(r"\b[0-9a-f]{32}\b"), "ID"),
    (re.compile(r"0x[0-9a-f]+"), "ADDRESS"),
    (re.compile(r"\b\d+(?:\.\d+)?(?:e-?\d+)? (?:s|ms)\b"), "TIME"),
    (re.compile(r"^ *[~^]+$\n?", re.MULTILINE), ""),
)


def fingerprint(messages: tuple[Message, ...]) -> str:
    """Return a short mark of what the last message asks, the same on every machine.

    Our own instructions are left out: they may improve without a recording being spoilt.
    """
    asked = messages[-1].text
    for pattern, instead in _PASSING:
        asked = pattern.sub(instead, asked)
    return sha256(" ".join(asked.split()).encode()).hexdigest()[:16]
