"""Trace of the frames between the server and a supervisor, for `BELLGLASS_TRACE`.

It has sizes, ids and operations, never code or output, so that it can be sent to somebody else.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bellglass.sandboxes.execution import Execution

NAMES = {
    "frames": "each frame on the stream to a sandbox: operation, id, bytes",
    "supervisor": "what the supervisor did in a call, and when",
}
"""What can be traced. Each has a logger of its own, which is at level DEBUG if it is asked for."""

LOGGER = "bellglass.trace"

_frames = logging.getLogger(f"{LOGGER}.frames")
_supervisor = logging.getLogger(f"{LOGGER}.supervisor")


def frame(stream: int, direction: str, what: object, number: object, size: int) -> None:
    """Log a frame: `direction` is an arrow from or to the sandbox; `what` is its operation."""
    if _frames.isEnabledFor(logging.DEBUG):
        known = f" {number}" if number is not None else ""
        _frames.debug("sandbox %d %s %s%s, %d bytes", stream, direction, what, known, size)


def wants_supervisor() -> bool:
    """Tell if supervisors are to send timelines."""
    return _supervisor.isEnabledFor(logging.DEBUG)


def call(number: int, op: str, execution: Execution) -> None:
    """Log the timeline of a call: events, and milliseconds since the request was taken."""
    if execution.timeline and wants_supervisor():
        told = ", ".join(f"{event} {at_ms:.1f} ms" for event, at_ms in execution.timeline)
        _supervisor.debug("%s %d: %s", op, number, told)
