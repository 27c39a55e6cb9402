"""stdout and stderr of a call, as its code sees them."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable
from typing import ClassVar


class CallStream(io.TextIOWrapper):
    """stdout or stderr of one call; output of threads of earlier calls is dropped."""

    leftover: ClassVar[set[threading.Thread]] = set()
    dropped = 0
    before_output: ClassVar[Callable[[], None] | None] = None
    """Called once before anything more is printed."""

    def write(self, text: str, /) -> int:
        if not is_current_call():
            CallStream.dropped += len(text)
            return len(text)
        if CallStream.before_output is not None:
            due()
        return super().write(text)


def due() -> None:
    """Call and clear what has to precede the next output."""
    before, CallStream.before_output = CallStream.before_output, None
    if before is not None:
        before()


def is_current_call() -> bool:
    return not CallStream.leftover or threading.current_thread() not in CallStream.leftover


def open_stream(fd: int) -> CallStream:
    raw = io.FileIO(fd, "w", closefd=False)
    return CallStream(
        io.BufferedWriter(raw), encoding="utf-8", errors="backslashreplace", line_buffering=True
    )


def restored(stream: CallStream, fd: int) -> CallStream:
    """Return `stream` with its settings restored, or a new one if it was closed."""
    try:
        stream.reconfigure(
            encoding="utf-8", errors="backslashreplace", line_buffering=True, write_through=False
        )
    except Exception:
        return open_stream(fd)
    return stream
