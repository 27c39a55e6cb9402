"""A time limit for code of an exception itself: its `__str__` may never return."""

from __future__ import annotations

import signal
from collections.abc import Callable
from typing import Any, TypeVar

Result = TypeVar("Result")

SECONDS = 1.0

_setitimer, _signal = signal.setitimer, signal.signal


class TookTooLong(BaseException):
    """Raised out of foreign code, which seldom catches what it does not know."""


def guarded(function: Callable[[], Result], otherwise: Callable[[BaseException], Result]) -> Result:
    """Return `function()`; or `otherwise` of what it raised, be it SystemExit, or of its time.

    An interrupt passes: it is the end of the call.
    """
    try:
        before = _signal(signal.SIGALRM, _raise)
    except ValueError:
        return _caught(function, otherwise)  # not in the main thread: no alarm can be had
    try:
        _setitimer(signal.ITIMER_REAL, SECONDS, SECONDS)
        return _caught(function, otherwise)
    except TookTooLong as exc:  # between the last line of the function and the end of the alarm
        return otherwise(exc)
    finally:
        again = SECONDS if before is _raise else 0.0  # one guard in another
        _setitimer(signal.ITIMER_REAL, again, again)
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
