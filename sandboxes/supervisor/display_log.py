"""What a call has shown so far, as the runner keeps it: whole also when the code is ended."""

from __future__ import annotations

import json
from typing import Protocol

from bellglass.sandboxes.common import display_bounds
from bellglass.sandboxes.supervisor.untrusted import display
from bellglass.sandboxes.wire.framing import Message

MAX_FILES = 64  # of one call; as many as `display/whole.py` writes


class Placed(Protocol):
    def place(self, offset: int) -> int: ...


class Shown:
    """Displays in the order they came, each with the bytes of stdout that came before it."""

    def __init__(self, call: int) -> None:
        self._call = call
        self._files: list[str] = []
        self.clear()

    def clear(self) -> None:
        """Drop what was shown."""
        self._kept: list[tuple[int, Message]] = []
        self._pictures = display_bounds.PICTURES_BYTES * 4 // 3 + 100
        self._texts = display_bounds.TEXTS

    def add(self, claim: object, offset: int) -> bool:
        """Keep a display that stands `offset` bytes into stdout, if it holds; tell if it does."""
        entry = display(claim, self._call)
        if entry is None or len(self._kept) >= display_bounds.MOST:
            return False
        data = entry.get("data") or ""
        picture = len(data) if entry["kind"] == "picture" else 0
        texts = len(json.dumps(entry)) - picture
        if picture > self._pictures or texts > self._texts:
            return False
        self._pictures -= picture
        self._texts -= texts
        self._kept.append((offset, entry))
        if entry["file"] and len(self._files) < MAX_FILES:
            self._files.append(entry["file"])
        return True

    def report(self, stdout: Placed) -> list[Message]:
        """Return the displays as `execution.Display` wants them."""
        return [{**entry, "at": stdout.place(offset)} for offset, entry in self._kept]

    @property
    def files(self) -> list[str]:
        """Files of all displays, also of those that were dropped."""
        return self._files
