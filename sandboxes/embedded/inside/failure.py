"""Which step of the set-up failed, and why: the server makes a diagnosis of it."""

from __future__ import annotations

import json
import os
import struct
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator


class Failure(Exception):
    """A step of the set-up failed. There is no sandbox, and nothing must run."""

    def __init__(self, step: str, errno: int, text: str) -> None:
        super().__init__(f"{step}: {text}")
        self.step = step
        self.errno = errno
        self.text = text


@contextmanager
def step(name: str) -> Iterator[None]:
    """Name the step in which an OSError happens."""
    try:
        yield
    except OSError as exc:
        raise Failure(name, exc.errno or 0, str(exc)) from exc


def as_frame(exc: BaseException) -> dict[str, object]:
    """Return what the server is told about an exception."""
    if isinstance(exc, Failure):
        return {"type": "failed", "step": exc.step, "errno": exc.errno, "error": exc.text[:500]}
    errno = exc.errno if isinstance(exc, OSError) else 0
    text = f"{type(exc).__name__}: {exc}"[:500]
    return {"type": "failed", "step": "setup", "errno": errno or 0, "error": text}


def send_frame(stream: socket.socket, frame: dict[str, object]) -> None:
    """Send a frame as sandboxes/protocol.py frames them."""
    body = json.dumps(frame).encode()
    stream.sendall(struct.pack(">I", len(body)) + body)


def receive_frame(stream: socket.socket) -> dict[str, object]:
    """Receive a frame from the server, which is trusted."""
    (length,) = struct.unpack(">I", _receive(stream, 4))
    frame = json.loads(_receive(stream, length))
    assert isinstance(frame, dict)
    return frame


def _receive(stream: socket.socket, length: int) -> bytes:
    parts = []
    while length:
        part = stream.recv(length)
        if not part:
            os._exit(0)  # the server gave this place up
        parts.append(part)
        length -= len(part)
    return b"".join(parts)
