"""Limit the number of connections of the legacy protocol, and end unused ones for new ones.

Each takes memory until its client deletes it or it has been idle for a long time, and any caller
can open them. A connection that was opened and never used is ended first, since no work is lost.
"""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import anyio
from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bellglass.sandboxes.sessions.callers import is_elsewhere, share_of_one
from bellglass.server.http.messages import MCP
from bellglass.tools.sessions.session_resolver import FIRST_MODERN_VERSION

SESSION = "mcp-session-id"

OPENING_REQUEST_COUNT = 2  # `initialize`, and the notification after it
UNUSED_TIMEOUT_SECONDS = 60  # without another request, if there are many connections


@dataclass(slots=True)
class _Connection:
    peer: str
    user: Any
    """The user who opened it; requests of other users cannot end it."""
    requests: int = 1
    in_flight: int = 0
    used_at: float = field(default_factory=anyio.current_time)

    @property
    def unused(self) -> bool:
        return self.requests <= OPENING_REQUEST_COUNT and not self.in_flight


class LegacyConnections:
    """Tracks the open connections of `app`, and ends some by the request that clients send."""

    def __init__(self, app: ASGIApp, *, max_connections: int, idle_seconds: float) -> None:
        self._app = app
        self._max = max_connections
        self._idle_seconds = idle_seconds
        self._known: dict[str, _Connection] = {}
        self._opening: Counter[str] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] != MCP:
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        session_id = headers.get(SESSION)
        version = headers.get("mcp-protocol-version", "")
        if session_id is not None and session_id in self._known:
            await self._use(session_id, scope, receive, send)
        elif session_id is None and scope["method"] == "POST" and version < FIRST_MODERN_VERSION:
            await self._open(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _use(self, session_id: str, scope: Scope, receive: Receive, send: Send) -> None:
        connection = self._known[session_id]
        connection.requests += 1
        connection.in_flight += 1

        async def watched(message: Message) -> None:
            gone = message.get("status") == 404 or scope["method"] == "DELETE"
            if message["type"] == "http.response.start" and gone:
                self._known.pop(session_id, None)
            await send(message)

        try:
            await self._app(scope, receive, watched)
        finally:
            connection.in_flight -= 1
            connection.used_at = anyio.current_time()

    async def _open(self, scope: Scope, receive: Receive, send: Send) -> None:
        peer = (scope.get("client") or ("", 0))[0]
        self._opening[peer] += 1
        try:
            if not await self._make_room(peer, scope):
                response = JSONResponse(
                    {"error": "Too many connections are open. Try again later."},
                    status_code=503,
                    headers={"retry-after": "30"},
                )
                await response(scope, receive, send)
                return

            async def watched(message: Message) -> None:
                if message["type"] == "http.response.start" and message["status"] < 400:
                    session_id = Headers(raw=message["headers"]).get(SESSION)
                    if session_id is not None:
                        self._known[session_id] = _Connection(peer, scope.get("user"))
                await send(message)

            await self._app(scope, receive, watched)
        finally:
            self._opening[peer] -= 1

    async def _make_room(self, peer: str, scope: Scope) -> bool:
        """End unused connections, if there are many; return whether `peer` may open another."""
        now = anyio.current_time()
        for session_id, connection in list(self._known.items()):
            if not connection.in_flight and now - connection.used_at > self._idle_seconds:
                del self._known[session_id]  # the SDK has ended it already
        if len(self._known) > self._max // 2:
            for session_id, connection in list(self._known.items()):
                if connection.unused and now - connection.used_at > UNUSED_TIMEOUT_SECONDS:
                    await self._end(session_id, scope)
        while len(self._known) + self._opening.total() > self._max:
            held = Counter(connection.peer for connection in self._known.values())
            # The oldest of the peer with the most connections, so a flood affects only its source.
            unused = [
                (-held[c.peer], c.used_at, name) for name, c in self._known.items() if c.unused
            ]
            if not unused:
                return False
            await self._end(min(unused)[2], scope)
        of_peer = sum(connection.peer == peer for connection in self._known.values())
        return not is_elsewhere(peer) or of_peer + self._opening[peer] <= share_of_one(self._max)

    async def _end(self, session_id: str, scope: Scope) -> None:
        """End a connection with the DELETE request that its client would send."""
        connection = self._known.pop(session_id)
        host = [pair for pair in scope["headers"] if pair[0] == b"host"]
        request = {
            **scope,
            "method": "DELETE",
            "headers": [*host, (SESSION.encode(), session_id.encode())],
            "user": connection.user,
        }
        if connection.user is None:
            del request["user"]

        async def nothing() -> Message:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def ignored(message: Message) -> None:
            pass

        await self._app(request, nothing, ignored)
