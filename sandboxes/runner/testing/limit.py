"""A time limit within the process of the tests."""

from __future__ import annotations

import signal
import time
from types import FrameType
from typing import Any


class TimeLimit(BaseException):
    """The time of one test is up. No `except Exception` of a test catches it."""

    __module__ = "builtins"


class Limit:
    """`seconds` for each test, in parts: armed while foreign code may run, and only then.

    `error` is what is raised: a `TimeLimit`.
    """

    def __init__(self, seconds: float | None, error: type[BaseException] = TimeLimit) -> None:
        self.seconds = seconds
        self.exceeded = False
        self._error = error
        self._until = 0.0
        self._armed = False
        signal.signal(signal.SIGALRM, self._ring)

    def begin(self) -> None:
        self.exceeded = False
        self.begin_again()

    def begin_again(self) -> None:
        """Give what clears up after a test the time of a test, even if the test took all of it."""
        self._until = time.monotonic() + (self.seconds or 0.0)

    def __enter__(self) -> None:
        if self.seconds is not None:
            self._armed = True
            signal.setitimer(signal.ITIMER_REAL, max(0.001, self._until - time.monotonic()))

    def __exit__(self, *_: Any) -> None:
        self.disarm()

    def disarm(self) -> None:
        """Ring no more. Call it again after the block: it may have rung as that was left."""
        self._armed = False
        signal.setitimer(signal.ITIMER_REAL, 0)

    def _ring(self, number: int, frame: FrameType | None) -> None:
        if not self._armed:
            return
        left = self._until - time.monotonic()
        # Again and again: the first may come where it is not heard.
        signal.setitimer(signal.ITIMER_REAL, left if left > 0 else 0.5)
        if left <= 0:
            self.exceeded = True
            raise self._error(self.told)

    @property
    def told(self) -> str:
        return f"not finished after {self.seconds:g} s"
