"""Messages from a process of foreign code to its supervising process: one line of JSON each.

References to what sending needs are held here, so a test may replace any function of `os` and
`json`; the descriptor is among the highest, so a test may close those that it did not open.
"""

from __future__ import annotations

import json
import os
from fcntl import F_DUPFD_CLOEXEC, fcntl
from resource import RLIMIT_NOFILE, getrlimit
from typing import Any

MAX_DESCRIPTOR = 4096
RESERVED_DESCRIPTORS = 16

Message = dict[str, Any]


def sender(fd: int, token: str) -> Any:
    """Return a function that sends a message over `fd`, which is moved to `send.descriptor`.

    Each line begins with `token`: output that a process writes to all its descriptors is no
    message. A child that a test forks sends nothing.
    """
    high = fcntl(
        fd, F_DUPFD_CLOEXEC, min(getrlimit(RLIMIT_NOFILE)[0], MAX_DESCRIPTOR) - RESERVED_DESCRIPTORS
    )
    os.close(fd)
    write, getpid, here = os.write, os.getpid, os.getpid()
    encode = json.JSONEncoder(separators=(",", ":")).encode

    def send(message: Message) -> None:
        if getpid() != here:
            return
        data = memoryview(f"{token}{encode(message)}\n".encode("ascii"))
        while data:
            data = data[write(high, data) :]

    send.descriptor = high  # type: ignore[attr-defined]
    return send


class Lines:
    """Assembles messages from bytes as they arrive."""

    def __init__(self, token: str, most: int) -> None:
        """`most` bounds the bytes of one message: a longer one is dropped."""
        self._token = token.encode()
        self._most = most
        self._pending = bytearray()

    def take(self, data: bytes) -> list[Message]:
        self._pending += data
        *whole, rest = self._pending.split(b"\n")
        self._pending = rest if len(rest) <= self._most else bytearray()
        return [message for line in whole if (message := self._message(line)) is not None]

    def _message(self, line: bytearray) -> Message | None:
        if not line.startswith(self._token) or len(line) > self._most:
            return None
        try:
            message = json.loads(line[len(self._token) :])
        except (ValueError, RecursionError):
            return None
        return message if isinstance(message, dict) else None
