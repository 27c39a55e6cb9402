"""Packets to or from a process that runs foreign code, on a SOCK_SEQPACKET socket."""

from __future__ import annotations

import json
import os
import select
import socket
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bellglass.sandboxes.wire.schema.packets import Claim

MAX_MESSAGE_BYTES = 8 * 1024**2
"""Bytes of all packets of messages that are still incomplete."""

MAX_PAYLOAD_BYTES = 60 * 1024
"""Payload of one packet: well under the 208 KiB that a socket buffer holds by default."""

TAG_BYTES = 8
"""Random bytes that the packets of one message have in common."""

HEADER_BYTES = 1 + TAG_BYTES
"""Bytes of a packet before its payload."""


class Packets:
    """Messages to or from a process that runs foreign code, on a SOCK_SEQPACKET socket.

    That process can write anything to the socket. A packet that does not belong to one of our
    messages is dropped, and cannot disturb the others: there is no framing to lose.
    """

    def __init__(self, sock: socket.socket, patience: float | None = None) -> None:
        """`patience` bounds, in seconds, how long the other end may take for one message."""
        self.socket = sock
        self._patience = patience
        self._parts: dict[bytes, bytearray] = {}
        self.received = 0
        """Bytes of the last complete message."""
        # Bound now, because foreign code may replace these later.
        # With ASCII escapes, a program of the permitted length could be too long.
        self._encode = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode
        self._loads: Callable[[bytearray], Any] = json.loads
        self._poll = select.poll
        self._urandom = os.urandom
        self._now = time.monotonic

    @staticmethod
    def pair() -> tuple[socket.socket, socket.socket]:
        return socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)

    def send(self, message: Mapping[str, object]) -> None:
        """Send `message`, in as many packets as it takes.

        Raises:
            OSError: The other end is closed, or does not read in time.
            ValueError: It is too long; nothing was sent.
        """
        body = self._encode(message).encode("utf-8", "surrogatepass")
        if len(body) >= MAX_MESSAGE_BYTES:
            raise ValueError(
                f"{len(body):,} bytes are too long: {MAX_MESSAGE_BYTES - 1:,} may be sent"
            )
        tag = self._urandom(TAG_BYTES)
        parts = [body[at : at + MAX_PAYLOAD_BYTES] for at in range(0, len(body), MAX_PAYLOAD_BYTES)]
        until = None if self._patience is None else self._now() + self._patience
        for part in parts[:-1]:
            self._send_packet(b"+" + tag + part, until)
        self._send_packet(b"." + tag + parts[-1], until)

    def offer(self, message: Mapping[str, object]) -> None:
        """Send a short message if the other end has room for it; that end may never read."""
        body = self._encode(message).encode()
        try:
            self.socket.send(b"." + self._urandom(TAG_BYTES) + body, socket.MSG_DONTWAIT)
        except OSError:
            pass

    def forget(self) -> None:
        """Drop the parts of a message whose sender was interrupted."""
        self._parts.clear()

    def _send_packet(self, packet: bytes, until: float | None) -> None:
        while True:
            try:
                self.socket.send(packet)
                return
            except BlockingIOError:
                self._wait(select.POLLOUT, until)

    def receive(self) -> Claim | None:
        """Wait for one packet; return the message that it completes, if any.

        Raises:
            EOFError: The other end is closed.
            OSError: Nothing arrived in time.
        """
        while True:
            try:
                packet = self.socket.recv(MAX_PAYLOAD_BYTES + HEADER_BYTES)
                break
            except BlockingIOError:
                self._wait(select.POLLIN)
        return self._completed(packet)

    def _completed(self, packet: bytes) -> Claim | None:
        """Return the message that the packet completes, if it does."""
        if not packet:
            raise EOFError
        kind, tag = packet[:1], packet[1:HEADER_BYTES]
        body = self._parts.pop(tag, None) or bytearray()
        body += packet[HEADER_BYTES:]  # in place: a message of megabytes has many packets
        if kind != b".":
            if kind == b"+" and sum(map(len, self._parts.values())) + len(body) < MAX_MESSAGE_BYTES:
                self._parts[tag] = body
            else:
                self._parts.clear()
            return None
        self.received = len(body)
        try:
            message = self._loads(body)
        except (ValueError, RecursionError):
            return None
        return message if isinstance(message, dict) else None

    def _wait(self, event: int, until: float | None = None) -> None:
        """Wait for `event`: foreign code may have made the socket non-blocking."""
        poll = self._poll()
        poll.register(self.socket.fileno(), event)
        seconds = self._patience if until is None else max(0.0, until - self._now())
        if not poll.poll(None if seconds is None else seconds * 1000):
            raise TimeoutError


def discard_waiting(fd: int) -> None:
    """Drop the packets that wait in a socket."""
    with socket.socket(fileno=os.dup(fd)) as end:
        try:
            while end.recv(MAX_PAYLOAD_BYTES + HEADER_BYTES, socket.MSG_DONTWAIT):
                pass
        except BlockingIOError:
            pass
