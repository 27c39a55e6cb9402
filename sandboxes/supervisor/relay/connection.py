"""One relayed connection between a program in the sandbox and the server."""

from __future__ import annotations

import socket

from bellglass.sandboxes.wire.relay import MAX_DATA_BYTES, WINDOW_BYTES

_MAX_DISCARDED_READS = 64


class Connection:
    """A socket, and how far each direction of it has got. It never blocks."""

    def __init__(self, number: int, end: socket.socket) -> None:
        end.setblocking(False)
        self.number = number
        self.socket = end
        self.fd = end.fileno()
        self.room = WINDOW_BYTES
        """Bytes that the server can still take."""
        self.waiting = bytearray()
        """Data from the server that the program has not taken."""
        self.program_ended = False
        """Whether the program will send nothing more."""
        self.ending = False
        """Whether the server will send nothing more."""
        self.closing = False
        """Whether the server wants it closed after pending data is delivered."""
        self._shut = False
        self._written = 0

    def read(self) -> bytes | None:
        """Return what the program sent, b"" at the end of it; None if nothing waits.

        Raises:
            OSError: The connection is broken.
        """
        try:
            data = self.socket.recv(min(MAX_DATA_BYTES, self.room))
        except BlockingIOError:
            return None
        self.room -= len(data)
        self.program_ended = not data
        return data

    def write(self) -> int:
        """Write pending data to the program; return how many more bytes the server may send.

        Raises:
            OSError: The connection is broken.
        """
        while self.waiting:
            try:
                sent = self.socket.send(self.waiting)
            except BlockingIOError:
                break
            del self.waiting[:sent]
            self._written += sent
        if (self.ending or self.closing) and not self.waiting and not self._shut:
            self._shut = True
            self.socket.shutdown(socket.SHUT_WR)
        if self._written < WINDOW_BYTES // 4:
            return 0
        granted, self._written = self._written, 0
        return granted

    @property
    def over(self) -> bool:
        """Whether the connection is finished in both directions."""
        return not self.waiting and (self.closing or (self.ending and self.program_ended))

    def close(self) -> None:
        # Closing a socket with unread data makes the kernel drop what is undelivered.
        try:
            for _ in range(_MAX_DISCARDED_READS):
                if not self.socket.recv(MAX_DATA_BYTES):
                    break
        except OSError:
            pass
        self.socket.close()
