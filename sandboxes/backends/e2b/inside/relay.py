"""Bytes between the supervisor's socket and lines on stdin and stdout, so that no byte is lost.

E2B hands on the output of a command as text, and drops what comes while nobody is connected. So
data travels as base64 in lines with the offset of its first byte, and is kept until the server
has said that it has it. `sandboxes/backends/e2b/stream/lines.py` is the other end.

from the server   D OFFSET BASE64   data for the supervisor
                  A OFFSET          everything before OFFSET has arrived
                  R OFFSET          it was cut off: send again from OFFSET
                  S NUMBER          it is another server, which knows of no offset
to the server     S NUMBER IN OUT   so much came from servers; what follows starts at OUT
                  D OFFSET BASE64   data from the supervisor
                  F JSON            there is no sandbox, and why (sent by `boot`)
                  P MAGIC           the program is asked for, before there is a relay;
                                    "outdated" follows if the template has another version
                  E                 the supervisor has ended
"""

from __future__ import annotations

import base64
import os
import select
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import socket

WINDOW_BYTES = 2 * 1024**2
"""Bytes on the way that the server has not acknowledged: more waits in the supervisor."""

MAX_LINE_DATA_BYTES = 24 * 1024
"""Bytes in one line: as base64 they are 32 KiB, which is what envd reads at once."""

_MAX_BACKLOG_BYTES = 1024**2
"""Bytes that wait for the supervisor, beyond which stdin is not read."""


class Relay:
    """The state of both directions."""

    def __init__(self, sandbox: socket.socket) -> None:
        sandbox.setblocking(False)
        os.set_blocking(0, False)
        os.set_blocking(1, False)
        self._sandbox = sandbox
        self._line = bytearray()
        """The part of a line that has come so far."""
        self._received = 0
        """Bytes that came from the server."""
        self._inward = bytearray()
        """Of those, what the supervisor has not taken."""
        self._kept = bytearray()
        """What the supervisor sent and the server has not acknowledged."""
        self._base = 0
        """The offset of its first byte."""
        self._next = 0
        """The offset of the first byte that is not in a line yet."""
        self._outward = bytearray(b"\n")  # a login shell may have begun a line
        """Lines to write."""
        self._ended = False
        """The supervisor has closed its end."""
        self._told = False
        """The server was told so."""

    def run(self) -> None:
        """Relay until the supervisor has ended, or nobody holds our stdin any more."""
        while not (self._told and not self._outward):
            poll = select.poll()
            if len(self._inward) < _MAX_BACKLOG_BYTES:
                poll.register(0, select.POLLIN)
            events = select.POLLOUT if self._inward else 0
            if len(self._kept) < WINDOW_BYTES:
                events |= select.POLLIN
            if events and not self._ended:
                poll.register(self._sandbox, events)
            if self._outward:
                poll.register(1, select.POLLOUT)
            ready = dict(poll.poll())
            if 0 in ready and not self._read_lines():
                return
            got = 0 if self._ended else ready.get(self._sandbox.fileno(), 0)
            if got & select.POLLOUT:
                self._write_place()
            if got & (select.POLLIN | select.POLLHUP | select.POLLERR):
                self._read_place()
            self._fill()
            if self._outward and not self._write_lines():
                return

    # --- from the server

    def _read_lines(self) -> bool:
        try:
            data = os.read(0, 1 << 18)
        except BlockingIOError:
            return True
        if not data:
            return False
        self._line += data
        *lines, rest = self._line.split(b"\n")
        self._line = bytearray(rest)
        for line in lines:
            self._take(bytes(line))
        return True

    def _take(self, line: bytes) -> None:
        """Do what a line says; one that is not whole is dropped, and will be sent again."""
        try:
            kind, number, *data = line.split(b" ")
            offset = int(number)
            if kind == b"D":
                content = base64.b64decode(data[0], validate=True)
                if offset <= self._received < offset + len(content) and not self._ended:
                    self._inward += content[self._received - offset :]
                    self._received = offset + len(content)
            elif kind == b"A":
                self._acknowledged(offset)
            elif kind == b"R":
                self._acknowledged(offset)
                self._start_again()
            elif kind == b"S":
                self._start_again()
                self._outward += b"S %d %d %d\n" % (offset, self._received, self._base)
        except (ValueError, IndexError):
            pass

    def _start_again(self) -> None:
        self._outward.clear()
        self._next = self._base
        self._told = False
        # What was cut may have been half a line.
        self._outward += b"\n"

    def _acknowledged(self, offset: int) -> None:
        if self._base < offset <= self._base + len(self._kept):
            del self._kept[: offset - self._base]
            self._base = offset
            self._next = max(self._next, offset)

    # --- from the supervisor

    def _read_place(self) -> None:
        try:
            data = self._sandbox.recv(1 << 18)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if data:
            self._kept += data
        else:
            self._ended = True
            self._inward.clear()
            self._sandbox.close()

    def _write_place(self) -> None:
        try:
            sent = self._sandbox.send(self._inward)
            del self._inward[:sent]
        except BlockingIOError:
            pass
        except OSError:
            self._inward.clear()  # it has ended; reading will show that

    def _fill(self) -> None:
        """Make lines of what is to be sent, a few at a time."""
        while len(self._outward) < 4 * MAX_LINE_DATA_BYTES:
            start = self._next - self._base
            content = bytes(self._kept[start : start + MAX_LINE_DATA_BYTES])
            if not content:
                if self._ended and not self._told:
                    self._outward += b"E\n"
                    self._told = True
                break
            self._outward += b"D %d %s\n" % (self._next, base64.b64encode(content))
            self._next += len(content)

    def _write_lines(self) -> bool:
        try:
            sent = os.write(1, self._outward)
            del self._outward[:sent]
        except BlockingIOError:
            pass
        except OSError:
            return False
        return True
