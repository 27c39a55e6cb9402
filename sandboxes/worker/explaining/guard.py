"""A time limit for code of an exception itself: its `__str__` may never return."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from typing import Any, TypeVar

Result = TypeVar("Result")

EXPLAIN_TIMEOUT_SECONDS = 1.0

_setitimer, _signal, _now = signal.setitimer, signal.signal, time.monotonic


class TookTooLong(BaseException):
    """Raised out of foreign code, which seldom catches what it does not know."""


def guarded(
    function: Callable[[], Result],
    otherwise: Callable[[BaseException], Result],
    seconds: float = EXPLAIN_TIMEOUT_SECONDS,
) -> Result:
    """Return `function()`; or `otherwise` of what it raised, be it SystemExit, or of its time.

    An interrupt passes: it is the end of the call.
    """
    try:
        before = _signal(signal.SIGALRM, _raise)
    except ValueError:
        return _caught(function, otherwise)  # not in the main thread: no alarm can be had
    left = (0.0, 0.0)
    started = _now()
    try:
        left = _setitimer(signal.ITIMER_REAL, seconds, EXPLAIN_TIMEOUT_SECONDS)
        return _caught(function, otherwise)
    except TookTooLong as exc:  # between the last line of the function and the end of the alarm
        return otherwise(exc)
    finally:
        # An alarm of the code itself, or of a guard around this one, goes on where it was.
        delay = max(left[0] - (_now() - started), 0.001) if left[0] else 0.0
        _setitimer(signal.ITIMER_REAL, delay, left[1])
        _signal(signal.SIGALRM, before if before is not None else signal.SIG_DFL)


def _caught(function: Callable[[], Result], otherwise: Callable[[BaseException], Result]) -> Result:
    try:
        return function()
    except KeyboardInterrupt:
        raise
    except BaseException as exc:
        return otherwise(exc)


def _raise(number: int, frame: Any) -> None:
    raise TookTooLong
