"""Answer requests to /mcp that the SDK would not answer."""

import json
from collections.abc import Callable

from mcp.types import INVALID_REQUEST
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bellglass.server.http.bodies import Bodies, TooMuchHeld
from bellglass.server.http.transfers import RETRY_AFTER_SECONDS
from bellglass.server.stdio.json_lines import ODD_ID, find_odd_id

MCP = "/mcp"


class MessageCheck:
    """Answers messages with invalid ids, and passes all others to `app`."""

    def __init__(self, app: ASGIApp, max_body_bytes: int) -> None:
        self._app = app
        self._max_body_bytes = max_body_bytes
        self._bodies = Bodies()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] == MCP:
            if scope["method"] == "POST":
                peer, _ = scope.get("client") or ("", 0)
                try:
                    with self._bodies.one(peer) as take:
                        await self._check(scope, receive, send, take)
                except TooMuchHeld as exc:
                    later = {"retry-after": str(RETRY_AFTER_SECONDS), "connection": "close"}
                    refused = JSONResponse({"error": str(exc)}, exc.status, later)
                    await refused(scope, receive, send)
                return
            # Our events have no ids and are not stored, so a stream cannot be resumed: the header
            # is removed, and the client gets the stream from now on.
            headers = [pair for pair in scope["headers"] if pair[0] != b"last-event-id"]
            scope = {**scope, "headers": headers}
        await self._app(scope, receive, send)

    async def _check(
        self, scope: Scope, receive: Receive, send: Send, take: Callable[[int], None]
    ) -> None:
        received: list[Message] = []
        body = bytearray()
        while len(body) <= self._max_body_bytes:  # a longer body is refused later
            message = await receive()
            received.append(message)
            take(len(message.get("body", b"")))
            body += message.get("body", b"")
            if not message.get("more_body", False):
                break
        if odd := find_odd_id(bytes(body)):
            error = {"code": INVALID_REQUEST, "message": ODD_ID}
            answer = json.dumps({"jsonrpc": "2.0", "id": odd.value, "error": error})
            response = Response(answer, status_code=400, media_type="application/json")
            await response(scope, receive, send)
            return
        body.clear()  # the parts are held while the call runs; this copy is not needed
        received.reverse()

        async def replay() -> Message:
            return received.pop() if received else await receive()

        await self._app(scope, replay, send)
