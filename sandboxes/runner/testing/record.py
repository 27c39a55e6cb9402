"""What became of each test, sent as it happens. Only the process that gives the verdict has it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any

from bellglass.sandboxes.runner.testing.failures import Room

Event = dict[str, Any]
Send = Callable[[Event], None]

MOST_TESTS = 4_000
"""Each is two messages, and the runner takes 10,000."""

ID = 300
"""Characters of a test's name."""

LIMITS = {"message": 8_000, "stdout": 2_000, "expected": 4_000, "actual": 4_000}

PROGRESS_SECONDS = 0.2


class Record:
    """The tests by name, and which of them have a result: the first one counts."""

    def __init__(self, send: Send, room: Room, progress: int) -> None:
        """`progress` is the descriptor that a line goes to now and then."""
        self._send = send
        self._room = room
        self._progress = progress
        self._index: dict[str, int] = {}
        self._done: set[str] = set()
        self._failed = 0
        self._said = 0.0

    @property
    def any_failed(self) -> bool:
        return self._failed > 0

    def collect(self, names: list[str]) -> bool:
        """Take in the names of tests; False if there are too many."""
        new = [name for name in dict.fromkeys(names) if name not in self._index]
        if len(self._index) + len(new) > MOST_TESTS:
            total = len(self._index) + len(new)
            text = f"There are {total:,} tests, more than {MOST_TESTS:,}. Run them in parts."
            self.problem(text)
            return False
        for name in new:
            self._index[name] = len(self._index)
        for start in range(0, len(new), 500):
            self._send({"collected": [name[:ID] for name in new[start : start + 500]]})
        return True

    def begin(self, name: str) -> None:
        if name in self._index:
            self._send({"started": self._index[name]})

    def finish(self, name: str, test: Event) -> None:
        if name not in self._index or name in self._done:
            return
        self._done.add(name)
        self._failed += test["outcome"] in ("failed", "error")
        self._send({"test": {**self._room.cut(test, LIMITS), "index": self._index[name]}})
        self._tell()

    def uncollected(self, test: Event) -> None:
        """Report what could not even be collected."""
        self._failed += test["outcome"] == "error"
        self._send({"test": {**self._room.cut(test, LIMITS), "id": str(test["id"])[:ID]}})

    def problem(self, text: str) -> None:
        self._send({"problem": text})

    def left(self, names: list[str]) -> list[str]:
        return [name for name in names if name not in self._done]

    def _tell(self) -> None:
        now = time.monotonic()
        if now - self._said < PROGRESS_SECONDS and len(self._done) < len(self._index):
            return
        self._said = now
        failed = f", {self._failed} failed" if self._failed else ""
        line = f"{len(self._done)} of {len(self._index)} tests{failed}\n"
        try:
            os.write(self._progress, line.encode())
        except OSError:  # nobody reads it
            pass
