"""Relay connections of the sandbox's programs to the server, as frames on the one stream.

The sandbox's only network is its own loopback. A program connects to a port there, on which
process 1 listens, and the server decides what becomes of the connection: nothing in here does.

    to the server    open; data, eof, close, credit
    from the server  data, eof, close, credit

Each frame has the number of its connection. Neither end sends more than the other has room for.
"""

from __future__ import annotations

import base64
import select
import socket
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from bellglass.sandboxes.supervisor.fd_poller import FdPoller
from bellglass.sandboxes.supervisor.relay.connection import Connection
from bellglass.sandboxes.wire.relay import MAX_CONNECTIONS, WINDOW_BYTES

if TYPE_CHECKING:
    from bellglass.sandboxes.wire.schema.frames import Net
    from bellglass.sandboxes.wire.schema.requests import NetRequest

_IN, _OUT = select.POLLIN, select.POLLOUT
_GONE = select.POLLHUP | select.POLLERR


class Relay:
    """All relayed connections, from `listen` on."""

    def __init__(self, send: Callable[[Net], None], poller: FdPoller) -> None:
        self._send_frame = send
        self._watcher = poller
        self._listener: socket.socket | None = None
        self._made = 0
        self._by_number: dict[int, Connection] = {}

    def listen(self, port: int) -> None:
        """Accept connections on the loopback from now on."""
        self._listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._listener.bind(("127.0.0.1", port))
        self._listener.listen(MAX_CONNECTIONS)
        self._listener.setblocking(False)
        self._accept_more()

    def take(self, request: NetRequest) -> None:
        """Handle a frame of the server."""
        connection = self._by_number.get(request["id"])
        if connection is None:
            return  # it was closed from inside meanwhile
        try:
            self._handle(connection, request)
        except Exception:  # an error of one connection must not affect the others
            self._drop(connection)

    def _handle(self, connection: Connection, request: NetRequest) -> None:
        event = request["event"]
        if event == "data":
            connection.waiting += base64.b64decode(request["data"])
        elif event == "credit":
            connection.room = min(WINDOW_BYTES, connection.room + request["size"])
        elif event == "eof":
            connection.ending = True
        elif event == "close":
            connection.closing = True
        self._write(connection)

    # --- data in both directions

    def _serve(self, connection: Connection, events: int) -> None:
        """Do what is possible without blocking."""
        if events & _OUT:
            self._write(connection)
        if connection.number in self._by_number and events & (_IN | _GONE):
            self._read(connection)

    def _drop(self, connection: Connection, _: int = 0) -> None:
        """Close a connection, and drop its pending data."""
        connection.closing = True
        connection.waiting.clear()
        self._settle(connection)

    def _accept(self, _: int) -> None:
        assert self._listener is not None
        try:
            end, _ = self._listener.accept()
        except OSError:
            return
        self._made += 1
        connection = Connection(self._made, end)
        self._by_number[connection.number] = connection
        self._send_frame({"type": "net", "id": connection.number, "event": "open"})
        self._poller(connection)
        self._accept_more()

    def _read(self, connection: Connection) -> None:
        if connection.program_ended or not connection.room:
            return self._drop(connection)  # including what it sent beyond what the server takes
        try:
            data = connection.read()
        except OSError:
            return self._drop(connection)
        if data:
            text = base64.b64encode(data).decode()
            step: Net = {"type": "net", "id": connection.number, "event": "data", "data": text}
            self._send_frame(step)
        elif data is not None:
            self._send_frame({"type": "net", "id": connection.number, "event": "eof"})
        return self._settle(connection)

    def _write(self, connection: Connection) -> None:
        try:
            granted = connection.write()
            if granted:
                number = connection.number
                step: Net = {"type": "net", "id": number, "event": "credit", "size": granted}
                self._send_frame(step)
        except OSError:
            return self._drop(connection)
        return self._settle(connection)

    def _settle(self, connection: Connection) -> None:
        """Close a connection that is finished; else watch for its next event."""
        if not connection.over:
            self._poller(connection)
            return
        del self._by_number[connection.number]
        self._watcher.remove(connection.fd)
        self._send_frame({"type": "net", "id": connection.number, "event": "close"})
        connection.close()
        self._accept_more()

    # --- what is polled

    def _poller(self, connection: Connection) -> None:
        mask = _OUT if connection.waiting else 0
        if connection.room and not connection.program_ended:
            mask |= _IN
        if mask:
            serve, drop = partial(self._serve, connection), partial(self._drop, connection)
            self._watcher.add(connection.fd, serve, drop, mask)
        else:
            # Removed, because even an empty mask reports a broken connection forever.
            self._watcher.remove(connection.fd)

    def _accept_more(self) -> None:
        """Accept connections while there is room for more."""
        if self._listener is None:
            return
        if len(self._by_number) < MAX_CONNECTIONS:
            self._watcher.add(self._listener.fileno(), self._accept)
        else:
            self._watcher.remove(self._listener.fileno())
