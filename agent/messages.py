"""The messages between the agent and a model."""

from __future__ import annotations

import re
from hashlib import sha256
from typing import Literal, Protocol

from pydantic import BaseModel, ConfigDict, Field

MAX_ANSWER_CHARACTERS = 400_000
"""Characters of one answer; the rest is cut off."""


class Message(BaseModel):
    model_config = ConfigDict(frozen=True)

    role: Literal["system", "user", "assistant"]
    text: str


class Turn(BaseModel):
    """One answer of a model, and the tokens it took."""

    model_config = ConfigDict(frozen=True)

    text: str = Field(max_length=MAX_ANSWER_CHARACTERS)
    input_tokens: int = Field(default=0, ge=0)
    output_tokens: int = Field(default=0, ge=0)
    dollars: float | None = Field(default=None, ge=0)
    cut: bool = Field(default=False, description="The model came to a limit before its end.")


class Model(Protocol):
    """A model of a provider, or a recording of one."""

    @property
    def name(self) -> str: ...

    async def ask(self, messages: tuple[Message, ...], *, tokens: int, seconds: float) -> Turn:
        """Return an answer of at most `tokens` within `seconds`.

        Raises:
            ModelFailed: The model did not answer.
        """


# Text that differs between runs and machines, and is not part of the question.
_PASSING = (
    (re.compile(r"\b[0-9a-f]{32}\b|(?<=session_id: )[0-9a-f]+"), "ID"),
    (re.compile(r"0x[0-9a-f]+"), "ADDRESS"),
    (re.compile(r"\b\d+(?:\.\d+)?(?:e-?\d+)? (?:s|ms)\b"), "TIME"),
    (re.compile(r"^ *[~^]+$\n?", re.MULTILINE), ""),
)


def fingerprint(messages: tuple[Message, ...]) -> str:
    """Return a short hash of what the last message asks, which is the same on every machine.

    Our own instructions are left out, so that improving them does not invalidate recordings.
    """
    asked = messages[-1].text
    for pattern, instead in _PASSING:
        asked = pattern.sub(instead, asked)
    return sha256(" ".join(asked.split()).encode()).hexdigest()[:16]
