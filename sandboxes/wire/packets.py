"""Packets to or from a process that runs foreign code, on a SOCK_SEQPACKET socket."""

from __future__ import annotations

import errno
import json
import os
import select
import socket
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bellglass.sandboxes.wire.schema import Claim

MAX_MESSAGE_BYTES = 8 * 1024**2
"""Bytes of all packets that wait for the last one of their message."""

MAX_PAYLOAD_BYTES = 60 * 1024
"""Payload of one packet: well under the 208 KiB that a socket buffer holds by default."""

TAG_BYTES = 8
"""Random bytes that the packets of one message have in common."""

HEADER_BYTES = 1 + TAG_BYTES
"""Bytes of a packet before its payload."""


class Packets:
    """Messages to or from a process that runs foreign code, on a SOCK_SEQPACKET socket.

    That process can write to the socket whatever it likes. A packet that is no part of a message
    of ours is dropped, and cannot disturb the others: there is no framing to lose.
    """

    def __init__(self, sock: socket.socket, patience: float | None = None) -> None:
        """`patience` bounds, in seconds, how long the other end may take with one message."""
        self.socket = sock
        self._patience = patience
        self._parts: dict[bytes, bytearray] = {}
        self.received = 0
        """Bytes of the last message that was whole."""
        # Bound now: what foreign code puts in their place later is not what is called here.
        self._dumps: Callable[..., str] = json.dumps
        self._loads: Callable[[bytearray], Any] = json.loads
        self._poll = select.poll
        self._urandom = os.urandom
        self._now, self._sleep = time.monotonic, time.sleep

    @staticmethod
    def pair() -> tuple[socket.socket, socket.socket]:
        return socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)

    def send(self, message: Mapping[str, object], descriptors: tuple[int, ...] = ()) -> None:
        """Send `message`, in as many packets as it takes.

        Raises:
            OSError: The other end is gone, or does not read within our patience.
            ValueError: It is too long, and nothing was sent.
        """
        # As escapes, a program of as many characters as it may have would be too long.
        text = self._dumps(message, separators=(",", ":"), ensure_ascii=False)
        body = text.encode("utf-8", "surrogatepass")
        if len(body) >= MAX_MESSAGE_BYTES:
            raise ValueError(
                f"{len(body):,} bytes are too long: {MAX_MESSAGE_BYTES - 1:,} may be sent"
            )
        tag = self._urandom(TAG_BYTES)
        parts = [body[at : at + MAX_PAYLOAD_BYTES] for at in range(0, len(body), MAX_PAYLOAD_BYTES)]
        until = None if self._patience is None else self._now() + self._patience
        for part in parts[:-1]:
            self._send_packet(b"+" + tag + part, (), until)
        self._send_packet(b"." + tag + parts[-1], descriptors, until)

    def hand_over(
        self, message: Mapping[str, object], descriptors: tuple[int, ...], seconds: float
    ) -> None:
        """Send with descriptors, when there is room for them.

        The kernel counts those that are on their way over all processes of one user, and so over
        all sessions: another may have used up what there is, until its call ends.

        Raises:
            OSError: There was no room for so many seconds (ETOOMANYREFS), or as for `send`.
        """
        deadline = self._now() + seconds
        while True:
            try:
                return self.send(message, descriptors)
            except OSError as exc:
                if exc.errno != errno.ETOOMANYREFS or self._now() > deadline:
                    raise
            self._sleep(0.02)

    def offer(self, message: Mapping[str, object]) -> None:
        """Send a short message if the other end has room for it; it may be one that never reads."""
        body = self._dumps(message, separators=(",", ":")).encode()
        try:
            self.socket.send(b"." + self._urandom(TAG_BYTES) + body, socket.MSG_DONTWAIT)
        except OSError:
            pass

    def forget(self) -> None:
        """Drop what has come of a message whose sender was interrupted."""
        self._parts.clear()

    def _send_packet(
        self, packet: bytes, descriptors: tuple[int, ...], until: float | None
    ) -> None:
        while True:
            try:
                if descriptors:
                    socket.send_fds(self.socket, [packet], list(descriptors))
                else:
                    self.socket.send(packet)
                return
            except BlockingIOError:
                self._wait(select.POLLOUT, until)

    def receive(self) -> tuple[Claim | None, list[int]]:
        """Wait for one packet; return the message it completes, if any, and its descriptors.

        Raises:
            EOFError: The other end is gone.
            OSError: Nothing came within our patience.
        """
        while True:
            try:
                packet, descriptors, _, _ = socket.recv_fds(
                    self.socket, MAX_PAYLOAD_BYTES + HEADER_BYTES, 4
                )
                break
            except BlockingIOError:
                self._wait(select.POLLIN)
        for fd in descriptors:
            os.set_inheritable(fd, False)  # as they come, any program that is started has them
        return self._completed(packet), descriptors

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
        """Foreign code may have made the socket non-blocking."""
        poll = self._poll()
        poll.register(self.socket.fileno(), event)
        seconds = self._patience if until is None else max(0.0, until - self._now())
        if not poll.poll(None if seconds is None else seconds * 1000):
            raise TimeoutError


def discard_waiting(fd: int) -> None:
    """Throw away the packets that wait in a socket."""
    with socket.socket(fileno=os.dup(fd)) as end:
        try:
            while end.recv(MAX_PAYLOAD_BYTES + HEADER_BYTES, socket.MSG_DONTWAIT):
                pass
        except BlockingIOError:
            pass
