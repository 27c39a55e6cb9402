"""A transcript in Markdown, written turn by turn, so that an interrupted run has one too."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from bellglass.agent.errors import SolvingError
from bellglass.agent.texts import bounded

if TYPE_CHECKING:
    from pathlib import Path

MAX_PART_CHARACTERS = 40_000
MAX_TRANSCRIPT_CHARACTERS = 2_000_000
"""Characters of a transcript; the rest is omitted, with a note."""


class Transcript:
    """The text of a transcript, and the file that it is written to."""

    def __init__(self, path: Path | None = None) -> None:
        self.path = path
        self._parts: list[str] = []
        self._size = 0
        if path is not None:
            self._write("")

    @property
    def text(self) -> str:
        return "".join(self._parts)

    def heading(self, text: str) -> None:
        self._add(f"\n## {text}\n\n")

    def begin(self, task: str, mode: str, model: str) -> None:
        now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
        self._add(f"# {mode}, by {model}\n\n{now}\n")
        self.quote("Task", task)

    def quote(self, title: str, text: str) -> None:
        """Add untrusted text, in a fence that it cannot close."""
        shown = bounded(text, MAX_PART_CHARACTERS)
        fence = "```"
        while fence in shown:
            fence += "`"
        self._add(f"\n{title}:\n\n{fence}\n{shown}\n{fence}\n")

    def lines(self, lines: list[str]) -> None:
        if lines:
            self._add("\n" + "".join(f"- {line}\n" for line in lines))

    def _add(self, text: str) -> None:
        if self._size > MAX_TRANSCRIPT_CHARACTERS:
            return
        self._size += len(text)
        if self._size > MAX_TRANSCRIPT_CHARACTERS:
            text = "\n[The rest is left out: the transcript is too long.]\n"
        self._parts.append(text)
        if self.path is not None:
            self._write(text, append=True)

    def _write(self, text: str, *, append: bool = False) -> None:
        assert self.path is not None
        flags = os.O_WRONLY | os.O_CREAT | (os.O_APPEND if append else os.O_TRUNC)
        try:
            if not append:
                self.path.parent.mkdir(parents=True, exist_ok=True)
            # It contains code and data, so only the user may read it.
            with open(os.open(self.path, flags, 0o600), "w", encoding="utf-8") as file:
                file.write(text)
        except OSError as exc:
            text = f"The transcript {self.path} cannot be written: {exc.strerror}."
            raise SolvingError(text) from exc
