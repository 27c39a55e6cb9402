"""Supervises tests that share a process with the code: times, crashes, and what is left to run.

The supervisor never runs the code. Of what that process reports it believes only what it cannot
know better: not which tests there are, if they were told to it, nor that one passed that was
running when the process ended.
"""

from __future__ import annotations

import os
import select
import time
from typing import Any

from bellglass.sandboxes.runner.apart.channel import Channel
from bellglass.sandboxes.runner.apart.child import Child, told
from bellglass.sandboxes.runner.testing.failures import Explain, own_frames, shortened
from bellglass.sandboxes.runner.testing.record import Record

KEPT_ERR = 4_000
"""Bytes of what a crash prints."""


class Together:
    """One run of pytest in the process of the code, and as many more as it takes after crashes."""

    def __init__(self, settings: dict[str, Any], record: Record, wanted: list[str] | None) -> None:
        self.status: int | None = None
        """pytest's own; None if it never came to its end."""
        self.missing = False
        self.coverage: list[Any] = []
        self._settings = settings
        self._record = record
        self._explain = Explain(settings["directory"])
        self._wanted = wanted
        self._seconds: float | None = settings.get("test_timeout")
        self._running: str | None = None
        self._deadline: float | None = None
        self._err = bytearray()

    def run(self) -> None:
        while True:
            self._running, self._deadline = None, None
            child = Child("testing.together", {**self._settings, "wanted": self._wanted})
            try:
                whole = self._follow(child)
                ended = None if whole else self._how_it_ended(child)
            finally:
                child.end()
            if whole or not self._go_on(ended):
                return

    def _follow(self, child: Child) -> bool:
        """Take the reports as they come; False if they stop before the end."""
        channel = Channel(child.socket, {child.out: _ignore, child.err: self._keep_err})
        while self.status is None and not self.missing:
            if not self._in_time(child):
                return False
            try:
                message = channel.receive()
            except (EOFError, OSError, ValueError, RecursionError):
                return False
            try:
                self._take(message)
            except (TypeError, KeyError, AttributeError):
                return False
        return True

    def _in_time(self, child: Child) -> bool:
        """Wait for the next report, as long as the running test may take."""
        while self._deadline is not None:
            left = self._deadline - time.monotonic()
            if left <= 0:
                return False
            watched = [child.socket.fileno(), child.out, child.err]
            ready, _, _ = select.select(watched, [], [], left)
            if child.socket.fileno() in ready:
                return True
            for fd in ready:
                data = os.read(fd, 1 << 16)
                if fd == child.err:
                    self._keep_err(data)
                if not data:
                    return True
        return True

    def _keep_err(self, data: bytes) -> None:
        self._err += data
        del self._err[:-KEPT_ERR]

    def _take(self, message: dict[str, Any]) -> None:
        record = self._record
        if "collected" in message and self._wanted is None:
            self._wanted = [str(name) for name in message["collected"]]
            if not record.collect(self._wanted):
                self.status = 3
        elif "begun" in message:
            self._running = str(message["begun"])
            if self._wanted is not None and self._running in self._wanted:
                record.begin(self._running)
            self._deadline = None if self._seconds is None else time.monotonic() + self._seconds
        elif "test" in message:
            self._deadline = None
            if self._running == message["name"]:
                self._running = None
            record.finish(str(message["name"]), {**_checked(message["test"]), "apart": False})
        elif "uncollected" in message:
            test = message["uncollected"]
            name = str(test.get("id", "collection"))
            record.uncollected({**_checked(test), "id": name, "apart": False})
        elif "problem" in message:
            record.problem(shortened(str(message["problem"]), 8_000))
        elif message.get("missing"):
            self.missing = True
        elif "finished" in message:
            self.status = int(message["finished"])
            self.coverage.append(message.get("coverage"))

    def _how_it_ended(self, child: Child) -> str | None:
        """Return how the process ended, or None if it was too slow."""
        if self._deadline is not None and time.monotonic() >= self._deadline:
            return None
        return told(child.wait())

    def _go_on(self, ended: str | None) -> bool:
        """Give the test that was running its result; tell if there are more to be run."""
        said = self._explain.clean(own_frames(self._err.decode("utf-8", "replace"))).strip()
        details = f"\n{shortened(said, 1_000)}" if said else ""
        self._err.clear()
        name = self._running
        if name is None:
            where = "before it had finished, as os._exit() would do"
            self._record.problem(f"The test process ended ({ended}) {where}.{details}")
            return False
        if ended is None:
            outcome = {"cause": "timeout", "message": f"not finished after {self._seconds:g} s"}
        else:
            text = f"the test process ended ({ended}), as os._exit() would do, in {name}{details}"
            outcome = {"cause": "crashed", "message": text}
        self._record.finish(name, {"outcome": "failed", **outcome, "apart": False})
        left = self._record.left(self._wanted or [])
        self._wanted = left
        if not left or self._settings.get("stop"):
            self.status = 1
            return False
        return True


def _ignore(data: bytes) -> None:
    """What is printed outside of tests."""


def _checked(test: dict[str, Any]) -> dict[str, Any]:
    """Return what a process of the code says of a test, as far as it has the agreed form."""
    outcome = test["outcome"]
    if outcome not in ("passed", "failed", "error", "skipped"):
        outcome = "error"
    texts = {name: str(test[name]) for name in ("message", "stdout") if test.get(name)}
    seconds = test.get("seconds")
    whole = isinstance(seconds, (int, float)) and 0 <= seconds < 1e6
    return {"outcome": outcome, "seconds": seconds if whole else 0.0, **texts}
