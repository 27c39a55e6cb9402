"""Who may talk to the HTTP server: checks before anything reads the request.

The SDK compares the beginning of Host and Origin only, so that `localhost:1.evil.example` passes;
these compare the whole.
"""

import hmac
import json
import re
from typing import NamedTuple

import anyio
from mcp.server.auth.middleware.auth_context import AuthContextMiddleware
from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser
from mcp.server.auth.provider import AccessToken
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bellglass.server.http.connections import ADMITTED

BODY_TIMEOUT_SECONDS = 30
"""For a whole request body: a client that trickles must not hold a connection. Of a file, for each
slice of it."""

SLICE_BYTES = 64 * 1024
"""Of a file or an answer, that has to pass before the deadline begins anew."""

FILES = "/files/"

_AUTHORITY = re.compile(r"(?P<name>\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::(?P<port>\d{1,5}))?")


class Authority(NamedTuple):
    """A host, and a port where one is given."""

    name: str
    port: int | None

    @classmethod
    def parse(cls, text: str) -> "Authority | None":
        match = _AUTHORITY.fullmatch(text.lower())
        if match is None:
            return None
        return cls(match["name"], int(match["port"]) if match["port"] else None)


class Guard:
    """Lets a request pass if it was meant for this server, by someone who may."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        hosts: frozenset[Authority],
        origins: frozenset[str],
        token: str | None,
    ) -> None:
        self._app = AuthContextMiddleware(app)
        self._hosts = hosts
        self._origins = origins
        self._token = token
        # One token is one principal: whoever has it may use every session made with it.
        self._user = AuthenticatedUser(AccessToken(token="", client_id="token", scopes=[]))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            return  # a refused upgrade; nothing here speaks WebSocket
        headers: dict[str, list[str]] = {}
        for name, value in scope["headers"]:
            headers.setdefault(name.decode("latin-1"), []).append(value.decode("latin-1"))
        if "transfer-encoding" in headers and "content-length" in headers:
            # Two readers could see two requests in it (RFC 9112, 6.1).
            close = ("connection", "close")
            await _answer(send, 400, "Send Content-Length or Transfer-Encoding.", close)
        elif not self._host_is_ours(headers.get("host", [])):
            await _answer(send, 421, "This server is not reached by that Host.")
        elif not all(origin in self._origins for origin in headers.get("origin", [])):
            await _answer(send, 403, "Web pages of that Origin may not call this server.")
        elif scope["path"] == "/health" and scope["method"] in ("GET", "HEAD"):
            await _answer(send, 200, "ok")
        elif self._token is not None and not _carries(
            headers.get("authorization", []), self._token
        ):
            await _answer(send, 401, "A bearer token is needed.", ("www-authenticate", "Bearer"))
        else:
            if self._token is not None:
                scope["user"] = self._user
            scope[ADMITTED] = self._token is not None
            of_file = scope["path"].startswith(FILES)
            await self._app(scope, _bounded(receive, renewed=of_file), _sliced(send))

    def _host_is_ours(self, values: list[str]) -> bool:
        if len(values) != 1 or (host := Authority.parse(values[0])) is None:
            return False
        return host in self._hosts or Authority(host.name, None) in self._hosts


def _carries(values: list[str], token: str) -> bool:
    if len(values) != 1:
        return False
    scheme, _, given = values[0].partition(" ")
    # Compared in constant time: the time must not tell how much of a guess was right.
    return scheme.lower() == "bearer" and hmac.compare_digest(
        given.strip().encode("latin-1", "replace"), token.encode()
    )


def _bounded(receive: Receive, *, renewed: bool) -> Receive:
    """Return `receive`, treating a body that takes too long as a client that left.

    `renewed`: the time counts anew for each slice. Only what is waited for the client counts.
    """
    left: float = BODY_TIMEOUT_SECONDS
    came = 0
    complete = False

    async def bounded() -> Message:
        nonlocal left, came, complete
        if complete:
            return await receive()
        started = anyio.current_time()
        with anyio.move_on_after(left):
            message = await receive()
            complete = not message.get("more_body", False)
            left -= anyio.current_time() - started
            came += len(message.get("body", b""))
            if renewed and came >= SLICE_BYTES:
                left, came = BODY_TIMEOUT_SECONDS, 0
            return message
        return {"type": "http.disconnect"}

    return bounded


def _sliced(send: Send) -> Send:
    """Return `send`, handing on a long body in slices, each when the one before it was taken."""

    async def sliced(message: Message) -> None:
        body = message.get("body", b"")
        if message["type"] != "http.response.body" or len(body) <= SLICE_BYTES:
            await send(message)
            return
        more = message.get("more_body", False)
        for at in range(0, len(body), SLICE_BYTES):
            end = at + SLICE_BYTES
            await send({**message, "body": body[at:end], "more_body": more or end < len(body)})

    return sliced


async def _answer(send: Send, status: int, text: str, *headers: tuple[str, str]) -> None:
    key = "status" if status == 200 else "error"
    body = json.dumps({key: text}).encode()
    pairs = [("content-type", "application/json"), ("content-length", str(len(body))), *headers]
    await send(
        {
            "type": "http.response.start",
            "status": status,
            "headers": [(name.encode(), value.encode()) for name, value in pairs],
        }
    )
    await send({"type": "http.response.body", "body": body})
