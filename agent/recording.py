"""Record the answers of a model in a readable file, and replay them without a model."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bellglass.agent.errors import RecordingMismatch, SolvingError
from bellglass.agent.messages import Message, Model, Turn, fingerprint

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

MAX_RECORDING_BYTES = 20_000_000


class RecordedTurn(BaseModel):
    """A prompt, shortened, and the answer, line by line."""

    model_config = ConfigDict(extra="forbid")

    asked: str = ""
    prompt: str | None = None
    """Fingerprint of the prompt."""
    answer: list[str]
    input_tokens: int = Field(default=0, ge=0)
    output_tokens: int = Field(default=0, ge=0)
    dollars: float | None = None
    cut: bool = False


class Recording(BaseModel):
    model_config = ConfigDict(extra="forbid")

    format: Literal["bellglass recording 1"] = "bellglass recording 1"
    model: str
    task: str = ""
    mode: str = ""
    data: list[str] = []
    """The names of the files of the task."""
    turns: list[RecordedTurn] = []

    @classmethod
    def read(cls, path: Path) -> Recording:
        """Return the recording in a file.

        Raises:
            SolvingError: The file cannot be read, or is not a recording.
        """
        try:
            if path.stat().st_size > MAX_RECORDING_BYTES:
                raise SolvingError(
                    f"{path} has more than {MAX_RECORDING_BYTES:,} bytes: it is not a recording."
                )
            return cls.model_validate_json(path.read_bytes())
        except OSError as exc:
            raise SolvingError(f"The recording {path} cannot be read: {exc.strerror}.") from exc
        except ValidationError as exc:
            error = exc.errors(include_url=False)[0]
            where = ".".join(map(str, error["loc"])) or "the file"
            text = f"{path} is not a recording ({where}: {error['msg']}). --record FILE makes one."
            raise SolvingError(text) from exc

    def write(self, path: Path) -> None:
        """Write the recording; an existing file is replaced atomically."""
        whole = json.dumps(self.model_dump(exclude_none=True), indent=1, ensure_ascii=False)
        draft = path.with_name(f".{path.name}.{os.getpid()}")
        try:
            draft.touch(0o600)  # it contains code and data
            draft.write_text(whole + "\n", "utf-8")
            draft.replace(path)
        except OSError as exc:
            draft.unlink(missing_ok=True)
            text = f"The recording {path} cannot be written: {exc.strerror}."
            raise SolvingError(text) from exc


class Recorder:
    """A model whose answers are recorded."""

    def __init__(
        self, model: Model, path: Path, *, task: str, mode: str, data: Sequence[Path] = ()
    ) -> None:
        self._model = model
        self._path = path
        self.recording = Recording(
            model=model.name, task=task, mode=mode, data=[file.name for file in data]
        )
        # Written at once, so that an unwritable file is noticed before a model costs money.
        self.recording.write(path)

    @property
    def name(self) -> str:
        return self._model.name

    async def ask(self, messages: tuple[Message, ...], *, tokens: int, seconds: float) -> Turn:
        turn = await self._model.ask(messages, tokens=tokens, seconds=seconds)
        self.recording.turns.append(
            RecordedTurn(
                asked=_in_brief(messages),
                prompt=fingerprint(messages),
                answer=turn.text.split("\n"),
                input_tokens=turn.input_tokens,
                output_tokens=turn.output_tokens,
                dollars=turn.dollars,
                cut=turn.cut,
            )
        )
        self.recording.write(self._path)
        return turn


class Replay:
    """Replays the answers of a recording in order.

    The first prompt must be the recorded one: the same task and data. Later prompts quote the
    sandbox, whose output differs a little between machines, so a difference is only reported, and
    the recorded answer is used.
    """

    def __init__(self, recording: Recording, tell: Callable[[str], None] | None = None) -> None:
        self._recording = recording
        self._tell = tell or _to_stderr
        self._next = 0
        self.differences = 0

    @property
    def name(self) -> str:
        return f"{self._recording.model} (recorded)"

    async def ask(self, messages: tuple[Message, ...], *, tokens: int, seconds: float) -> Turn:
        turns = self._recording.turns
        if self._next >= len(turns):
            raise RecordingMismatch(
                f"The recording ends after {len(turns)} answers, and one more was asked for. "
                "Record the task again."
            )
        turn = turns[self._next]
        self._next += 1
        if turn.prompt is not None and turn.prompt != fingerprint(messages):
            self.differences += 1
            told = f"Turn {self._next} of the recording was the answer to another prompt"
            if self._next == 1:
                known = f" The recorded task is: {self._recording.task!r}."
                raise RecordingMismatch(f"{told}: task and data must be the same.{known}")
            self._tell(f"{told}; it is given all the same.")
        return Turn(
            text="\n".join(turn.answer),
            input_tokens=turn.input_tokens,
            output_tokens=turn.output_tokens,
            dollars=turn.dollars,
            cut=turn.cut,
        )


def _in_brief(messages: tuple[Message, ...]) -> str:
    first = messages[-1].text.strip().partition("\n")[0]
    return first if len(first) <= 200 else f"{first[:200]}..."


def _to_stderr(text: str) -> None:
    sys.stderr.write(f"{text}\n")
