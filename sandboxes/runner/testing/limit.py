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
    """`seconds` for each test, in parts: armed while foreign code may run, and only then."""

    def __init__(self, seconds: float | None) -> None:
        self.seconds = seconds
        self.exceeded = False
        self._until = 0.0
        signal.signal(signal.SIGALRM, self._ring)

    def begin(self) -> None:
        self.exceeded = False
        self._until = time.monotonic() + (self.seconds or 0.0)

    def __enter__(self) -> None:
        if self.seconds is not None:
            # Again and again: the first may come where it is not heard.
            left = max(0.001, self._until - time.monotonic())
            signal.setitimer(signal.ITIMER_REAL, left, 0.5)

    def __exit__(self, *_: Any) -> None:
        signal.setitimer(signal.ITIMER_REAL, 0)

    def _ring(self, number: int, frame: FrameType | None) -> None:
        if self.seconds is not None and time.monotonic() >= self._until:
            self.exceeded = True
            raise TimeLimit(self.told)

    @property
    def told(self) -> str:
        return f"not finished after {self.seconds:g} s"
