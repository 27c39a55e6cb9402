"""The answer of the agent: the code, its result, and the evidence for it."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

ModeName = Literal["solve", "analyse", "compute", "transform"]

Kind = Literal[
    "checked",
    "ran",
    "tested",
    "tests can fail",
    "second way",
    "plot",
    "same behaviour",
    "lines reached",
]


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True)


class Evidence(_Value):
    """The result of one test of the last code in the sandbox."""

    kind: Kind
    held: bool
    text: str = Field(description="One sentence, with counts.")
    passed: int | None = None
    total: int | None = None


class Usage(_Value):
    """Tokens, money and time that were spent."""

    turns: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    dollars: float | None = Field(default=None, description="Where the price is known.")
    seconds: float = 0.0


class Answer(_Value):
    """The outcome of a task."""

    task: str
    mode: ModeName
    verified: bool = Field(description="Everything in `evidence` held, and nothing is missing.")
    reason: str = Field(default="", description="Why it is not verified.")
    code: str = Field(default="", description="The last program; empty if there was none.")
    language: Literal["python", "bash"] = "python"
    proof: str = Field(default="", description="The tests, second way or inputs that came with it.")
    result: str = Field(default="", description="What the program printed or computed.")
    evidence: tuple[Evidence, ...] = ()
    figures: tuple[bytes, ...] = Field(default=(), repr=False, description="PNG, each.")
    explanation: str = Field(default="", description="The model's own words beside the code.")
    attempts: int = 0
    usage: Usage = Usage()
    transcript: str = Field(default="", repr=False, description="Every turn, in Markdown.")
