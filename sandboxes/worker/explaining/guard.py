"""A time limit for an exception's own code: its `__str__` may never return."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from typing import Any, TypeVar

Result = TypeVar("Result")

EXPLAIN_TIMEOUT_SECONDS = 1.0

_setitimer, _signal, _now = signal.setitimer, signal.signal, time.monotonic


class TookTooLong(BaseException):
    """Interrupts foreign code; as a BaseException it is seldom caught there."""


def guarded(
    function: Callable[[], Result],
    otherwise: Callable[[BaseException], Result],
    seconds: float = EXPLAIN_TIMEOUT_SECONDS,
) -> Result:
    """Return `function()`, or `otherwise(exc)` if it raises anything, or takes too long.

    An interrupt is not caught, because it ends the call.
    """
    try:
        before = _signal(signal.SIGALRM, _raise)
    except ValueError:
        return _caught(function, otherwise)  # alarms work only in the main thread
    left = (0.0, 0.0)
    started = _now()
    try:
        left = _setitimer(signal.ITIMER_REAL, seconds, EXPLAIN_TIMEOUT_SECONDS)
        return _caught(function, otherwise)
    except TookTooLong as exc:  # raised between the return of the function and the end of the alarm
        return otherwise(exc)
    finally:
        # An alarm of the code itself, or of an outer guard, continues with its remaining time.
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
