"""Limits on what one task may spend: attempts, tokens, money and time."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bellglass.agent.answer import Usage

if TYPE_CHECKING:
    from bellglass.agent.messages import Message, Turn

CHARACTERS_PER_TOKEN = 3
"""A rough estimate, lower than the usual four, because code has short words."""

MIN_ANSWER_TOKENS = 300
"""With fewer tokens left, the model is not asked for a program."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """Limits on what one task may spend."""

    attempts: int = 4
    tokens: int = 200_000
    """Tokens sent and received in all turns."""
    dollars: float | None = None
    """None means no limit. A limit needs a model whose price is known."""
    seconds: float = 600
    """Elapsed time of the whole task."""
    answer_tokens: int = 16_000
    """Tokens of one answer."""
    call_seconds: float = 60
    """Time limit of one call of a tool."""


@dataclass
class Spent:
    """What a task has spent so far, and whether it can afford another turn."""

    limits: Limits
    input_tokens: int = 0
    output_tokens: int = 0
    turns: int = 0
    dollars: float | None = None
    started: float = field(default_factory=time.monotonic)

    def add(self, turn: Turn) -> None:
        self.turns += 1
        self.input_tokens += turn.input_tokens
        self.output_tokens += turn.output_tokens
        if turn.dollars is not None:
            self.dollars = (self.dollars or 0.0) + turn.dollars

    @property
    def seconds_left(self) -> float:
        return self.limits.seconds - (time.monotonic() - self.started)

    def tokens_for(self, messages: tuple[Message, ...]) -> int:
        """Return how many tokens an answer to `messages` may have, or 0 if there are too few."""
        asked = sum(len(message.text) for message in messages) // CHARACTERS_PER_TOKEN
        left = self.limits.tokens - self.input_tokens - self.output_tokens - asked
        return min(left, self.limits.answer_tokens) if left >= MIN_ANSWER_TOKENS else 0

    def exhausted(self, messages: tuple[Message, ...]) -> str:
        """Return which limit forbids another turn, or "" if none does."""
        if self.seconds_left <= 0:
            return f"the time of {self.limits.seconds:g} s was over"
        if not self.tokens_for(messages):
            return f"the budget of {self.limits.tokens:,} tokens was used up"
        if self.limits.dollars is not None and (self.dollars or 0.0) >= self.limits.dollars:
            return f"the budget of {self.limits.dollars:g} US dollars was used up"
        return ""

    def usage(self) -> Usage:
        return Usage(
            turns=self.turns,
            input_tokens=self.input_tokens,
            output_tokens=self.output_tokens,
            dollars=self.dollars,
            seconds=round(time.monotonic() - self.started, 3),
        )
