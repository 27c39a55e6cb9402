"""Limit the number of open TCP connections, and close slow ones.

A connection is anonymous until it sends a request, so new ones are not refused because of idle
ones: the connection that has been idle the longest is closed for a new one, and connections that
carried the token are closed last.
"""

import asyncio
import resource
import socket
import struct
from collections import Counter, OrderedDict
from collections.abc import Collection
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

from bellglass.sandboxes.sessions.callers import is_elsewhere, share_of_one

MAX_CONNECTIONS = 1_000
HEADER_TIMEOUT_SECONDS = 15  # for the head of a request, after the connection or the last response
WRITE_TIMEOUT_SECONDS = (
    30  # for a client to read what was sent, at most `guard.BYTES_PER_TIMEOUT` at a time
)

ADMITTED = "bellglass.admitted"
"""Key in the scope of an admitted request: whether a token admitted it."""

_REASON = b'{"error": "Too many connections are open."}'
_FULL = (
    b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 5\r\nconnection: close\r\n"
    b"content-type: application/json\r\ncontent-length: %d\r\n\r\n%b"
) % (len(_REASON), _REASON)


class Connections:
    """Counts open connections, and closes an idle one if there is no room for another."""

    def __init__(self, most: int | None = None) -> None:
        # Half of the descriptors, because sessions need some too.
        descriptors, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        bound = MAX_CONNECTIONS if descriptors < 0 else min(MAX_CONNECTIONS, descriptors // 2)
        self._most = most or bound
        self._strangers: dict[str, OrderedDict[Connection, None]] = {}
        """Idle connections that were never served, by address, oldest first."""
        self._known: OrderedDict[Connection, None] = OrderedDict()
        """Idle connections that were served before, least recently used first."""
        self._open: dict[Connection, None] = {}
        self._by_peer: Counter[str] = Counter()

    def add(self, connection: "Connection") -> bool:
        """Count a new connection; return whether there is room, perhaps by closing an idle one."""
        peer = connection.peer
        room = True
        if is_elsewhere(peer) and self._by_peer[peer] >= share_of_one(self._most):
            room = self._drop_one([peer])
        elif len(self._open) >= self._most:
            room = self._drop_one(self._by_peer)
        self._open[connection] = None
        self._by_peer[peer] += 1
        return room

    def remove(self, connection: "Connection") -> None:
        """Remove a closed connection."""
        if connection in self._open:
            self.note_request(connection)
            del self._open[connection]
            self._by_peer[connection.peer] -= 1
            self._by_peer += Counter()  # removes zero counts

    def note_waiting(self, connection: "Connection") -> None:
        """Record that a connection is idle, so that it may be closed."""
        if connection.served:
            self._known[connection] = None
        else:
            self._strangers.setdefault(connection.peer, OrderedDict())[connection] = None

    def note_request(self, connection: "Connection") -> None:
        """Record that a connection has a request."""
        self._known.pop(connection, None)
        strangers = self._strangers.get(connection.peer, OrderedDict())
        strangers.pop(connection, None)
        if not strangers:
            self._strangers.pop(connection.peer, None)

    def _drop_one(self, peers: Collection[str]) -> bool:
        """Close one idle connection of these addresses; return whether there was one."""
        flooding = [peer for peer in self._strangers if peer in peers]
        if flooding:  # an address with too many connections loses its own
            most = max(flooding, key=lambda peer: len(self._strangers[peer]))
            next(iter(self._strangers[most])).drop()
            return True
        for connection in (*self._known, *self._open):
            if connection.peer in peers and (connection in self._known or connection.half_open):
                connection.drop()
                return True
        return False


class Connection(H11Protocol):
    """uvicorn's connection, with timeouts for the head of a request and for reading a response."""

    def __init__(self, connections: Connections, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.peer = ""
        self.served = False
        """It has had a request that was admitted and answered."""
        self._connections = connections
        self._late: asyncio.TimerHandle | None = None
        self._stuck: asyncio.TimerHandle | None = None

    @property
    def half_open(self) -> bool:
        """Whether a client without a token has sent a part of a request."""
        return (
            self.cycle is not None
            and self.cycle.more_body
            and not (self.served or self.cycle.response_started or self.scope.get(ADMITTED))
        )

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.peer = self.client[0] if self.client is not None else ""
        # Any buffered data calls `pause_writing`, which starts the timeout.
        transport.set_write_buffer_limits(high=0)
        if self._connections.add(self):
            self._expect_request()
        else:
            transport.write(_FULL)
            transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        for timer in (self._late, self._stuck):
            if timer is not None:
                timer.cancel()
        self._connections.remove(self)
        super().connection_lost(exc)

    def drop(self) -> None:
        """Close immediately, and discard unsent data."""
        self._connections.note_request(self)  # so that it is not dropped twice
        if self.transport.get_write_buffer_size():
            # Otherwise the kernel would keep the unread data for minutes.
            linger = struct.pack("ii", 1, 0)
            self.transport.get_extra_info("socket").setsockopt(
                socket.SOL_SOCKET, socket.SO_LINGER, linger
            )
        self.transport.abort()

    def handle_events(self) -> None:
        before = self.cycle
        super().handle_events()
        if self.cycle is not before and not self.cycle.response_complete:
            if self._late is not None:
                self._late.cancel()
            self._connections.note_request(self)

    def on_response_complete(self) -> None:
        self.served = self.served or ADMITTED in self.scope
        if not self.transport.is_closing():
            self._expect_request()
        super().on_response_complete()

    def _expect_request(self) -> None:
        if self._late is not None:
            self._late.cancel()
        self._late = self.loop.call_later(HEADER_TIMEOUT_SECONDS, self.drop)
        self._connections.note_waiting(self)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._stuck = self.loop.call_later(WRITE_TIMEOUT_SECONDS, self.drop)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._stuck is not None:
            self._stuck.cancel()
