"""Frames between the server and a sandbox that is being set up, which report failures."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

from bellglass.sandboxes.confinement.failure import Failure
from bellglass.sandboxes.wire.framing import (
    HEADER_BYTES,
    MAX_REQUEST_BYTES,
    body_bytes,
    encode,
)

if TYPE_CHECKING:
    import socket


def as_frame(exc: BaseException) -> dict[str, object]:
    """Return the frame that reports an exception to the server."""
    if isinstance(exc, Failure):
        return {"type": "failed", "step": exc.step, "errno": exc.errno, "error": exc.text[:500]}
    errno = exc.errno if isinstance(exc, OSError) else 0
    text = f"{type(exc).__name__}: {exc}"[:500]
    return {"type": "failed", "step": "setup", "errno": errno or 0, "error": text}


def send_frame(stream: socket.socket, frame: dict[str, object]) -> None:
    """Send a frame to the server."""
    stream.sendall(encode(frame))


def receive_frame(stream: socket.socket) -> dict[str, object]:
    """Receive a frame from the server, which is trusted."""
    length = body_bytes(_receive(stream, HEADER_BYTES), MAX_REQUEST_BYTES)
    frame = json.loads(_receive(stream, length))
    assert isinstance(frame, dict)
    return frame


def _receive(stream: socket.socket, length: int) -> bytes:
    parts = []
    while length:
        part = stream.recv(length)
        if not part:
            os._exit(0)  # the server has given up this sandbox
        parts.append(part)
        length -= len(part)
    return b"".join(parts)
