"""Results of the tests, sent soon after they happen, by the supervising process alone."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterable
from typing import Any

from bellglass.sandboxes.common.limits import MAX_REPORT_BYTES
from bellglass.tools.run_tests.inside.failures import shortened

Event = dict[str, Any]
Send = Callable[[Event], None]

MAX_TESTS = 4_000
"""Each is one message at most, of the MAX_REPORT_MESSAGES that the supervisor takes."""

MAX_NAME_CHARACTERS = 300
"""Characters of a test's name."""

LIMITS = {"message": 8_000, "stdout": 2_000, "expected": 4_000, "actual": 4_000}

MAX_TEXTS_BYTES = MAX_REPORT_BYTES // 2
"""Bytes of texts in the report: half of what the supervisor takes; names and times need room."""

PROGRESS_INTERVAL_SECONDS = 0.2


class Record:
    """The tests in order, and which of them have a result: the first one counts."""

    def __init__(self, send: Send, progress: int) -> None:
        """`progress` is the descriptor for a progress line from time to time."""
        self._send = send
        self._room = MAX_TEXTS_BYTES
        self._progress = progress
        self._names: list[str] = []
        self._waiting: dict[str, list[int]] = {}
        """The positions in `_names` of tests without a result: names can be equal."""
        self._running: int | None = None
        """The test that was begun, until that is sent."""
        self._unsent: list[Event] = []
        """Results: those of fast tests are sent many at a time."""
        self._done = 0
        self._failed = 0
        self._said = 0.0

    @property
    def any_failed(self) -> bool:
        return self._failed > 0

    def collect(self, names: Iterable[str], *, isolated: bool = False) -> bool:
        """Add the names of tests; return False if there are too many.

        `isolated`: their verdict is made here, and not in the process of the code.
        """
        names = list(names)
        if len(self._names) + len(names) > MAX_TESTS:
            self.problem(f"There are more than {MAX_TESTS:,} tests. Run them in parts.")
            return False
        for name in names:
            self._waiting.setdefault(name, []).append(len(self._names))
            self._names.append(name)
        for start in range(0, len(names), 500):
            part = [name[:MAX_NAME_CHARACTERS] for name in names[start : start + 500]]
            self._send({"collected": part, **({"isolated": True} if isolated else {})})
        return True

    def begin(self, name: str) -> None:
        if not self._waiting.get(name) and not self.collect([name]):
            return
        self._running = self._waiting[name][0]

    def flush(self) -> None:
        """Send the results since the last time, and which test is running now."""
        message: Event = {"tests": self._unsent} if self._unsent else {}
        if self._running is not None:
            message["started"] = self._running
        if message:
            self._send(message)
        self._unsent, self._running = [], None

    def finish(self, name: str, test: Event) -> None:
        if not self._waiting.get(name):
            return
        index = self._waiting[name].pop(0)
        self._running = None
        self._done += 1
        self._failed += test["outcome"] in ("failed", "error")
        self._unsent.append({**self._cut(test), "index": index})
        self._tell()

    def uncollected(self, name: str, test: Event) -> None:
        """Report something that could not even be collected."""
        self._failed += test["outcome"] == "error"
        self._unsent.append({**self._cut(test), "id": name[:MAX_NAME_CHARACTERS]})

    def problem(self, text: str) -> None:
        self._send({"problem": shortened(text, 8_000)})

    def distributed(self) -> None:
        """Say that pytest runs tests in processes of its own, where no test can be ended."""
        self._send({"distributed": True})

    def left(self) -> list[str]:
        """Return the names of tests without a result, in order."""
        places = sorted(place for places in self._waiting.values() for place in places)
        return [self._names[place] for place in places]

    def _cut(self, event: Event) -> Event:
        """Return `event` with its texts cut to their limits, or left out if the room is used up."""
        cut = dict(event)
        for name, limit in LIMITS.items():
            text = cut.get(name)
            if text:
                text = shortened(text, limit)
                self._room -= len(json.dumps(text))
                cut[name] = text if self._room > 0 else "(left out: there is too much to report)"
            elif name in cut:
                del cut[name]
        return cut

    def _tell(self) -> None:
        now = time.monotonic()
        if now - self._said < PROGRESS_INTERVAL_SECONDS and self._done < len(self._names):
            return
        self._said = now
        failed = f", {self._failed} failed" if self._failed else ""
        line = f"{self._done} of {len(self._names)} tests{failed}\n"
        try:
            os.write(self._progress, line.encode())
        except OSError:  # nobody reads it
            pass
