"""Messages between the tests and the process of the code: a length and JSON, on a socket."""

from __future__ import annotations

import json
import os
import select
import socket
from collections.abc import Callable
from typing import Any

LARGEST = 64 * 1024**2
"""Bytes of one message. One that claims more ends the process that sent it."""

PIECE = 1 << 18

Message = dict[str, Any]


class Channel:
    """One end of the socket; `relays` are more descriptors to read from while it waits."""

    def __init__(
        self, sock: socket.socket, relays: dict[int, Callable[[bytes], None]] | None = None
    ) -> None:
        self.socket = sock
        self._relays = relays or {}
        # Bound now: what foreign code puts in their place later is not what is called here.
        self._dumps: Callable[..., str] = json.dumps
        self._loads: Callable[..., Any] = json.loads

    def send(self, message: Message) -> None:
        """Send `message`.

        Raises:
            OSError: The other end is gone.
            ValueError, RecursionError: It is no JSON.
        """
        body = self._dumps(message, separators=(",", ":")).encode()
        self.socket.sendall(len(body).to_bytes(4, "big") + body)

    def receive(self) -> Message:
        """Wait for a message; what comes from the relays meanwhile is handed on first.

        Raises:
            EOFError: The other end is gone.
            OSError, ValueError, RecursionError: It sent no message.
        """
        size = int.from_bytes(self._exactly(4), "big")
        if size > LARGEST:
            raise ValueError(f"a message of {size:,} bytes")
        message = self._loads(bytes(self._exactly(size)))
        if not isinstance(message, dict):
            raise ValueError("no message")
        self.drain()
        return message

    def _exactly(self, size: int) -> bytearray:
        data = bytearray()
        while len(data) < size:
            if self._relays:
                self._wait()
            piece = self.socket.recv(min(size - len(data), PIECE))
            if not piece:
                raise EOFError
            data += piece
        return data

    def _wait(self) -> None:
        """Wait for the socket, reading the relays: who writes there must not wait for us."""
        poll = select.poll()
        for fd in (self.socket.fileno(), *self._relays):
            poll.register(fd, select.POLLIN)
        while True:
            ready = [fd for fd, _ in poll.poll()]
            for fd in ready:
                if fd in self._relays and not self._relay(fd):
                    poll.unregister(fd)
            if self.socket.fileno() in ready:
                return

    def drain(self) -> None:
        """Hand on what is in the relays now, but no more than one pipe holds."""
        for fd in self._relays:
            for _ in range(4):
                if not select.select([fd], [], [], 0)[0] or not self._relay(fd):
                    break

    def _relay(self, fd: int) -> int:
        data = os.read(fd, PIECE)
        self._relays[fd](data)
        return len(data)
