"""Frames on the stream between the supervisor and the server, on the side of the supervisor.

The server's side of the stream format is `bellglass.sandboxes.protocol`.
"""

from __future__ import annotations

import json
import math
import os
import select
from collections import deque
from typing import Any

MAX_REQUEST = 64 * 1024**2
"""Bytes of one frame from the server: a file of 40 MB in base64."""

TICK_SECONDS = 1.0

Message = dict[str, Any]

DIGITS = 19
"""Of a whole number from outside: every count and every limit of ours has fewer or as many."""

REASON = 1_000
"""Characters of the reason of a failure."""


def failure(reason: str) -> Message:
    """Return the execution that says what we could not do, and why."""
    reason = reason[:REASON]
    error = {"name": "RunnerError", "message": reason, "traceback": reason}
    return {"status": "error", "error": error}


def loads(data: bytes | bytearray) -> Any:
    """Read JSON of somebody who may lie: what is no number, or larger than any of ours, is None.

    Raises:
        ValueError: It is no JSON.
        RecursionError: It is too deep.
    """
    return _DECODER.decode(data.decode("utf-8", "surrogatepass"))


def _no_number(_: str) -> None:
    return None


def _finite_float(text: str) -> float | None:
    number = float(text)
    return number if math.isfinite(number) else None


def _bounded_int(text: str) -> int | None:
    return int(text) if len(text.lstrip("-")) <= DIGITS else None


_DECODER = json.JSONDecoder(
    parse_constant=_no_number, parse_float=_finite_float, parse_int=_bounded_int
)


class Stream:
    """Length-prefixed JSON on two descriptors, which may be the same."""

    def __init__(self, read_fd: int, write_fd: int) -> None:
        self.read_fd = read_fd
        self._write_fd = write_fd
        self._pending = bytearray()
        self._whole: deque[Message] = deque()
        self.handover_nonce: str | None = None
        """Another server has taken over, and waits for a greeting with this mark of its own."""
        self._tick_at = 0.0
        os.set_blocking(read_fd, True)

    def read(self) -> bool:
        """Read once, for `take`; False at the end of the stream."""
        try:
            data = os.read(self.read_fd, 1 << 18)
        except OSError:
            return False
        if not data:
            return False
        self._pending += data
        while len(self._pending) >= 4:
            size = int.from_bytes(self._pending[:4], "big")
            if size > MAX_REQUEST:
                return False
            if len(self._pending) < 4 + size:
                break
            self._whole.append(json.loads(bytes(self._pending[4 : 4 + size])))
            del self._pending[: 4 + size]
        return True

    def take(self) -> Message | None:
        """Return the next message that was read, if there is one.

        Whoever acts on a message leaves those behind it here: one read may bring a request and,
        right after it, the word that takes the request back.
        """
        return self._whole.popleft() if self._whole else None

    def tick(self, now: float) -> None:
        """Tell the server now and then that we are awake: it ends a sandbox that is not."""
        if now >= self._tick_at and self.writable():
            self._tick_at = now + TICK_SECONDS
            self.send({"type": "tick"})

    def send(self, message: Message) -> None:
        body = json.dumps(message, separators=(",", ":")).encode()
        data = memoryview(len(body).to_bytes(4, "big") + body)
        while data:
            try:
                data = data[os.write(self._write_fd, data) :]
            except BlockingIOError:
                select.select([], [self._write_fd], [])

    def reply(self, request: Message, execution: Message) -> None:
        """Send the end of a request, or an error where `execution` cannot be written down."""
        reply = {"type": "reply", "id": request["id"], "nonce": request["nonce"]}
        try:
            self.send({**reply, "execution": execution})
        except (TypeError, ValueError, RecursionError) as exc:
            self.send({**reply, "execution": failure(f"{type(exc).__name__}: {exc}")})

    def writable(self) -> bool:
        """Tell if a frame can be sent without waiting for the server to read."""
        return bool(select.select([], [self._write_fd], [], 0)[1])
