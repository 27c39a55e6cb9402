"""Connections of the place's programs, carried to the server as frames on the one stream.

The place has no network but its own loopback. A program connects to a port there, on which
process 1 listens, and the server decides what becomes of the connection: nothing in here does.

    to the server    open; data, eof, close, credit
    from the server  data, eof, close, credit

each with the number of its connection. Neither end sends more than the other has room for.
"""

from __future__ import annotations

import base64
import select
import socket
from collections.abc import Callable

from bellglass.sandboxes.runner.frames import Message
from bellglass.sandboxes.runner.relay.connection import WINDOW, Connection

MOST = 64
"""Connections at one time; more wait to be accepted."""

EVENTS = 32
"""That are dealt with before time limits are looked at again."""

_IN, _OUT = select.EPOLLIN, select.EPOLLOUT
_GONE = select.EPOLLHUP | select.EPOLLERR


class Relay:
    """Watch `fd`; when it is readable, `pump`. Nobody listens before `listen`."""

    def __init__(self, send: Callable[[Message], None]) -> None:
        self._send_frame = send
        self._epoll = select.epoll()
        self.fd = self._epoll.fileno()
        self._listener: socket.socket | None = None
        self._accepting = False
        self._made = 0
        self._by_number: dict[int, Connection] = {}
        self._by_fd: dict[int, Connection] = {}
        self._watched: dict[int, int] = {}

    def listen(self, port: int) -> None:
        """Take connections on the loopback from now on."""
        self._listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._listener.bind(("127.0.0.1", port))
        self._listener.listen(MOST)
        self._listener.setblocking(False)
        self._accept_more()

    def take(self, message: Message) -> bool:
        """Take a message of the server; False if it is not for us."""
        if message.get("op") != "net":
            return False
        connection = self._by_number.get(message["id"])
        if connection is None:
            return True  # it was closed from inside meanwhile
        event = message["event"]
        if event == "data":
            connection.waiting += base64.b64decode(message["data"])
        elif event == "credit":
            connection.room = min(WINDOW, connection.room + message["size"])
        elif event == "eof":
            connection.ending = True
        elif event == "close":
            connection.closing = True
        self._write(connection)
        return True

    def pump(self) -> None:
        """Do what can be done without waiting, for a bounded number of connections."""
        for fd, event in self._epoll.poll(0, EVENTS):
            connection = self._by_fd.get(fd)
            if connection is None:
                self._accept()
                continue
            if event & _OUT:
                self._write(connection)
            if fd in self._by_fd and event & (_IN | _GONE):
                self._read(connection)

    # --- each way

    def _accept(self) -> None:
        assert self._listener is not None
        try:
            end, _ = self._listener.accept()
        except OSError:
            return
        self._made += 1
        connection = Connection(self._made, end)
        self._by_number[connection.number] = self._by_fd[connection.fd] = connection
        self._send(connection, "open")
        self._watch(connection)
        self._accept_more()

    def _read(self, connection: Connection) -> None:
        gone = connection.heard_out or not connection.room
        try:
            data = None if gone else connection.read()
        except OSError:
            data, gone = None, True
        if gone:  # with it goes what it sent beyond what the server takes
            connection.closing = True
            connection.waiting.clear()
        elif data:
            self._send(connection, "data", data=base64.b64encode(data).decode())
        elif data is not None:
            self._send(connection, "eof")
        self._settle(connection)

    def _write(self, connection: Connection) -> None:
        try:
            granted = connection.write()
            if granted:
                self._send(connection, "credit", size=granted)
        except OSError:
            connection.closing = True
            connection.waiting.clear()
        self._settle(connection)

    def _settle(self, connection: Connection) -> None:
        """Close a connection that is over; else watch for what it waits for."""
        if not connection.over:
            self._watch(connection)
            return
        self._send(connection, "close")
        self._unwatch(connection.fd)
        connection.close()
        del self._by_number[connection.number], self._by_fd[connection.fd]
        self._accept_more()

    def _send(self, connection: Connection, event: str, **more: object) -> None:
        self._send_frame({"type": "net", "id": connection.number, "event": event, **more})

    # --- what is watched

    def _watch(self, connection: Connection) -> None:
        mask = _OUT if connection.waiting else 0
        if connection.room and not connection.heard_out:
            mask |= _IN
        known = self._watched.get(connection.fd)
        if mask == known:
            return
        if mask == 0:
            # Not even with an empty mask: a connection that is gone would be told of for ever.
            self._unwatch(connection.fd)
        elif known is None:
            self._epoll.register(connection.fd, mask)
            self._watched[connection.fd] = mask
        else:
            self._epoll.modify(connection.fd, mask)
            self._watched[connection.fd] = mask

    def _unwatch(self, fd: int) -> None:
        if self._watched.pop(fd, None) is not None:
            self._epoll.unregister(fd)

    def _accept_more(self) -> None:
        """Take connections as long as there is room for one more."""
        if self._listener is None:
            return
        room = len(self._by_number) < MOST
        if room and not self._accepting:
            self._epoll.register(self._listener.fileno(), _IN)
        elif self._accepting and not room:
            self._epoll.unregister(self._listener.fileno())
        self._accepting = room
