"""Access control of the HTTP server: Host, Origin and token are checked before the body is read.

The SDK compares only prefixes of Host and Origin, so `localhost:1.evil.example` would pass. These
checks compare the whole value.
"""

import hmac
import json
import re
from typing import NamedTuple

import anyio
from mcp.server.auth.middleware.auth_context import AuthContextMiddleware
from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser
from mcp.server.auth.provider import AccessToken
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bellglass.server.http.browsers import readable_by
from bellglass.server.http.connections import ADMITTED

BODY_TIMEOUT_SECONDS = 30
"""Timeout for a whole request body, so that a slow client does not keep a connection. For a file it
applies to each `BYTES_PER_TIMEOUT`."""

BYTES_PER_TIMEOUT = 64 * 1024
"""Bytes of a file or a response that must be transferred before the timeout starts again."""

FILES = "/files/"

_AUTHORITY = re.compile(r"(?P<name>\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::(?P<port>\d{1,5}))?")


class Authority(NamedTuple):
    """A host, and a port if one is given."""

    name: str
    port: int | None

    @classmethod
    def parse(cls, text: str) -> "Authority | None":
        match = _AUTHORITY.fullmatch(text.lower())
        if match is None:
            return None
        return cls(match["name"], int(match["port"]) if match["port"] else None)


class Guard:
    """Passes requests that are addressed to this server and authorized."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        hosts: frozenset[Authority],
        origins: frozenset[str],
        pages: frozenset[str] = frozenset(),
        token: str | None,
    ) -> None:
        """`origins` are all that may call; `pages` those of them that are other servers' pages."""
        self._app = AuthContextMiddleware(app)
        # Before the token is checked: a browser sends none with a preflight.
        self._admit = readable_by(pages, self._authorized) if pages else self._authorized
        self._hosts = hosts
        self._origins = origins
        self._token = token
        # A token is one principal: its holders may use all sessions that were made with it.
        self._user = AuthenticatedUser(AccessToken(token="", client_id="token", scopes=[]))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            return  # refuses an upgrade: the server does not support WebSocket
        headers: dict[str, list[str]] = {}
        for name, value in scope["headers"]:
            headers.setdefault(name.decode("latin-1"), []).append(value.decode("latin-1"))
        if "transfer-encoding" in headers and "content-length" in headers:
            # Parsers could disagree on where the request ends (RFC 9112, 6.1).
            close = ("connection", "close")
            await _answer(send, 400, "Send Content-Length or Transfer-Encoding.", close)
        elif not self._host_is_ours(headers.get("host", [])):
            await _answer(send, 421, "This server does not serve that Host.")
        elif not all(origin in self._origins for origin in headers.get("origin", [])):
            await _answer(send, 403, "Web pages of that Origin may not call this server.")
        else:
            await self._admit(scope, receive, send)

    async def _authorized(self, scope: Scope, receive: Receive, send: Send) -> None:
        given = Headers(scope=scope).getlist("authorization")
        if scope["path"] == "/health" and scope["method"] in ("GET", "HEAD"):
            await _answer(send, 200, "ok")
        elif self._token is not None and not _carries(given, self._token):
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
    # Compared in constant time, so that timing does not reveal a correct prefix.
    return scheme.lower() == "bearer" and hmac.compare_digest(
        given.strip().encode("latin-1", "replace"), token.encode()
    )


def _bounded(receive: Receive, *, renewed: bool) -> Receive:
    """Return a `receive` that treats a body that takes too long as a disconnected client.

    `renewed`: the timeout starts again for each slice. Only time spent waiting for the client
    counts.
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
            if renewed and came >= BYTES_PER_TIMEOUT:
                left, came = BODY_TIMEOUT_SECONDS, 0
            return message
        return {"type": "http.disconnect"}

    return bounded


def _sliced(send: Send) -> Send:
    """Return a `send` that sends a long body in slices, each after the previous one was read."""

    async def sliced(message: Message) -> None:
        body = message.get("body", b"")
        if message["type"] != "http.response.body" or len(body) <= BYTES_PER_TIMEOUT:
            await send(message)
            return
        more = message.get("more_body", False)
        for at in range(0, len(body), BYTES_PER_TIMEOUT):
            end = at + BYTES_PER_TIMEOUT
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
