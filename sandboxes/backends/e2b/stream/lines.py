"""The server's end of the lines that `inside/relay.py` speaks. No I/O here."""

from __future__ import annotations

import base64
import binascii
import json
import secrets
from typing import Any

from bellglass.sandboxes.backends.e2b.inside.relay import WINDOW_BYTES

MAX_LINE_DATA_BYTES = 96 * 1024
"""Bytes in one line to the sandbox: one request, of 170 kB by the time that it is JSON."""

ACKNOWLEDGE_AFTER_BYTES = WINDOW_BYTES // 2
"""After so many bytes the relay is told that they came. An answer of usual size needs no such
request of its own."""

_MAX_LINE_BYTES = 64 * 1024
"""Twice the longest that a relay sends."""


class RelayProtocolError(Exception):
    """What arrives is not from our relay."""


class Lines:
    """What has arrived and what was sent, as offsets; and how to go on after a cut."""

    def __init__(self) -> None:
        self.received = 0
        """Bytes from the sandbox, without a gap."""
        self.sent = 0
        """Bytes for the sandbox."""
        self.failure: dict[str, Any] | None = None
        """Why there is no sandbox, from the program that should have made it."""
        self.asked: str | None = None
        """Our program is asked for, by a Python whose code has this number."""
        self.found_outdated = False
        """The template has our program, but of another version or for another Python."""
        self.ended = False
        """The supervisor has ended: nothing comes any more."""
        self.joined_at = 0
        """Bytes from the sandbox that another server before us has had."""
        self.joining: int | None = None
        """We re-attach, and wait to be told where the server before us stopped."""
        self._acknowledged = 0
        self._line = ""

    @property
    def has_spoken(self) -> bool:
        """Whether anything has come from our program, and not from a login shell before it."""
        return bool(self.asked or self.received or self.failure or self.ended)

    def feed(self, text: str) -> bytes:
        """Take output of the command; return the data in it that is new.

        Raises:
            Malformed: It goes on without ever ending a line.
        """
        *lines, self._line = (self._line + text).split("\n")
        if len(self._line) > _MAX_LINE_BYTES:
            raise RelayProtocolError
        return b"".join(map(self._taken, lines))

    def _taken(self, line: str) -> bytes:
        """Return the new data of a line. What is not ours is dropped: a login shell may talk."""
        kind, _, rest = line.partition(" ")
        if self.joining is not None:
            if kind == "S":
                self._join(rest)
        elif kind == "D":
            return self._data(rest)
        elif kind == "P":
            self.asked, _, found = rest[:100].partition(" ")
            self.found_outdated = found == "outdated"
        elif kind == "F":
            self.failure = _as_failure(rest)
        elif line == "E":
            self.ended = True
        return b""

    def _join(self, rest: str) -> None:
        try:
            number, sent, received = map(int, rest.split(" "))
        except ValueError:
            return
        if number == self.joining and sent >= 0 and received >= 0:
            self.sent, self.received = sent, received
            self.joined_at = self._acknowledged = received
            self.joining = None

    def _data(self, rest: str) -> bytes:
        number, _, encoded = rest.partition(" ")
        try:
            offset = int(number)
            content = base64.b64decode(encoded, validate=True)
        except (ValueError, binascii.Error):
            return b""
        # After a cut lines may be missing, until the relay has gone back; or come twice.
        if not offset <= self.received < offset + len(content):
            return b""
        new = content[self.received - offset :]
        self.received += len(new)
        return new

    def encoded(self, data: bytes) -> list[bytes]:
        """Return the lines that carry `data` on. Each may be sent twice, but in this order."""
        lines = []
        for at in range(0, len(data), MAX_LINE_DATA_BYTES):
            content = data[at : at + MAX_LINE_DATA_BYTES]
            lines.append(b"D %d %s\n" % (self.sent, base64.b64encode(content)))
            self.sent += len(content)
        return lines

    def acknowledgement(self, consumed: int) -> bytes | None:
        """Return the line that says that so much was read, when it is time for one."""
        consumed += self.joined_at
        if consumed - self._acknowledged < ACKNOWLEDGE_AFTER_BYTES:
            return None
        self._acknowledged = consumed
        return b"A %d\n" % consumed

    def reattachment(self) -> bytes:
        """Return the line to send to a sandbox that another server has had."""
        self._line = ""
        self.joining = secrets.randbelow(2**48)
        return b"\nS %d\n" % self.joining

    def resumption(self) -> bytes:
        """Return the line to send after the output was cut off and is connected again."""
        if self.joining is not None:
            return self.reattachment()
        self._line = ""
        self._acknowledged = self.received
        return b"\nR %d\n" % self.received


def _as_failure(text: str) -> dict[str, Any]:
    try:
        failure = json.loads(text)
    except ValueError:
        failure = None
    return failure if isinstance(failure, dict) else {"step": "setup", "error": "unknown"}
