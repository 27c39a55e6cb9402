"""An HTTP proxy for the programs of a sandbox, which checks every request against the rules.

A connection carries one request, so that nothing after it can pass for a part of the request that
was checked. `CONNECT` opens a tunnel to an allowed address; its content is not inspected.
"""

from __future__ import annotations

from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

import anyio
import h11

from bellglass.sandboxes.egress.dialing import Unreachable, dial
from bellglass.sandboxes.egress.fetching import Failed
from bellglass.sandboxes.egress.http import IDLE_TIMEOUT_SECONDS, HttpPeer, end_to_end
from bellglass.sandboxes.egress.names import InvalidHost, Target, parsed
from bellglass.sandboxes.egress.quota import NoneLeft, Outside
from bellglass.sandboxes.egress.rules import Refused

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from anyio.abc import ByteStream, SocketStream

    from bellglass.sandboxes.egress.channel import Channel
    from bellglass.sandboxes.egress.index import Index
    from bellglass.sandboxes.egress.quota import Quota
    from bellglass.sandboxes.egress.request_log import RequestLog, RequestRecord
    from bellglass.sandboxes.egress.rules import Rules

REQUEST_TIMEOUT_SECONDS = 60.0
"""Time from the opening of a connection to the end of the head of its request."""

WRITE_TIMEOUT_SECONDS = 30.0
"""Time for a program to read one part of a package file or of a page."""

_HTTP_PORT = 80
_READ_BYTES = 32 * 1024


class Answer(Exception):
    """An error response to the program, in place of what it requested."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


class Proxy:
    """Serves connections of sandboxes, one request each."""

    def __init__(self, rules: Rules, port: int, index: Index | None = None) -> None:
        """`port`: of the relay, as programs inside address it; `index`: what is served there."""
        self._rules = rules
        self._index = index
        self._outside = Outside()
        self._own = (Target("127.0.0.1", port), Target("localhost", port))

    async def serve(self, channel: Channel, request_log: RequestLog, quota: Quota) -> None:
        """Answer the request that arrives on `channel`."""
        client = HttpPeer(channel, h11.SERVER)
        try:
            with anyio.fail_after(REQUEST_TIMEOUT_SECONDS):
                request = await client.receive()
            if isinstance(request, h11.Request):
                await self._answer(client, request, request_log, quota)
        except Answer as exc:
            await _say(client, exc.status, str(exc))
        except h11.RemoteProtocolError as exc:
            await _say(client, exc.error_status_hint, "this is not a valid HTTP request to a proxy")
        except (TimeoutError, Failed, h11.LocalProtocolError):
            pass  # the response has begun, so the only way to report a failure is to cut it off

    async def _answer(
        self, client: HttpPeer, request: h11.Request, request_log: RequestLog, quota: Quota
    ) -> None:
        try:
            target = request.target.decode("ascii")
            if request.method == b"CONNECT":
                await self._tunnel(client, parsed(target), request, request_log, quota)
            elif target.startswith("/"):
                await self._ourselves(client, target, request, request_log, quota)
            else:
                await self._forward(client, target, request, request_log, quota)
        except (InvalidHost, UnicodeError) as exc:
            raise Answer(400, f"{exc}") from exc

    # --- the three kinds of request

    async def _tunnel(
        self,
        client: HttpPeer,
        target: Target,
        request: h11.Request,
        request_log: RequestLog,
        quota: Quota,
    ) -> None:
        _check_host(request, target)
        async with self._connected(target, request_log, quota) as (remote, record):
            await client.receive()  # the end of the request: CONNECT has no body
            await client.send(
                h11.Response(status_code=200, headers=[], reason=b"Connection established")
            )
            data, _ = client.state.trailing_data
            if data:
                await remote.send(data)
            await _joined(client.stream, remote, record)

    async def _forward(
        self,
        client: HttpPeer,
        url: str,
        request: h11.Request,
        request_log: RequestLog,
        quota: Quota,
    ) -> None:
        scheme, separator, rest = url.partition("://")
        if not separator or scheme.lower() != "http":
            raise Answer(400, "a proxy takes http:// URLs, and CONNECT for all else")
        end = min((rest.index(mark) for mark in "/?#" if mark in rest), default=len(rest))
        target, path = parsed(rest[:end], _HTTP_PORT), rest[end:].partition("#")[0]
        host = str(target).removesuffix(f":{_HTTP_PORT}")
        _check_host(request, target)
        headers = end_to_end(request.headers)
        headers = [(name, value) for name, value in headers if name != b"host"]
        if any(name == b"transfer-encoding" for name, _ in request.headers):
            headers.append((b"Transfer-Encoding", b"chunked"))
        async with self._connected(target, request_log, quota) as (stream, record):
            remote = HttpPeer(stream, h11.CLIENT)
            await remote.send(
                h11.Request(
                    method=request.method,
                    target=path if path.startswith("/") else f"/{path}",
                    headers=[(b"Host", host.encode()), *headers, (b"Connection", b"close")],
                )
            )
            await _pass_body(client, remote)
            await _pass_response(remote, client, record)

    async def _ourselves(
        self,
        client: HttpPeer,
        path: str,
        request: h11.Request,
        request_log: RequestLog,
        quota: Quota,
    ) -> None:
        if _host(request, self._own[0].port) not in self._own:
            raise Answer(400, "this is a proxy: ask it with the whole URL")
        if self._index is None:
            raise Answer(404, "there is no package index here")
        if request.method not in (b"GET", b"HEAD"):
            raise Answer(405, "this index can only be read")
        accepted = b",".join(value for name, value in request.headers if name == b"accept")
        accept = accepted.decode("latin-1")
        async with self._index.answering(path, accept, request_log, quota) as answer:
            headers = [("Content-Type", answer.content_type)]
            if answer.length is not None:
                headers.append(("Content-Length", str(answer.length)))
            await client.respond(answer.status, answer.reason, headers)
            if request.method == b"GET":
                async for part in answer.parts:
                    # A client that does not read would keep a connection to the index from others.
                    with anyio.fail_after(WRITE_TIMEOUT_SECONDS):
                        await client.send(h11.Data(data=part))
            await client.send(h11.EndOfMessage())

    @asynccontextmanager
    async def _connected(
        self, target: Target, request_log: RequestLog, quota: Quota
    ) -> AsyncGenerator[tuple[SocketStream, RequestRecord]]:
        """Check the target against the rules, and connect to an allowed address."""
        try:
            addresses = await self._rules.allowed_addresses(target)
        except Refused as exc:
            request_log.note(target.host, target.port, allowed=False, reason=str(exc))
            raise Answer(403, f"refused by the operator of this sandbox: {exc}") from exc
        try:
            with self._outside.one(quota):
                remote = await dial(addresses, target.port)
                record = request_log.note(target.host, target.port, allowed=True)
                async with remote:
                    yield remote, record
        except Unreachable as exc:
            request_log.note(target.host, target.port, allowed=True, reason=str(exc))
            raise Answer(502, f"{target} could not be reached: {exc}") from exc
        except NoneLeft as exc:
            raise Answer(503, "too many connections of sessions are open; try again") from exc


def _host(request: h11.Request, default_port: int) -> Target | None:
    given = [value for name, value in request.headers if name == b"host"]
    if len(given) > 1:
        raise Answer(400, "there is more than one Host")
    return parsed(given[0].decode("ascii"), default_port) if given else None


def _check_host(request: h11.Request, target: Target) -> None:
    """Refuse a Host that differs from the target: another parser would see another host."""
    if _host(request, target.port) not in (None, target):
        raise Answer(400, "Host is not what the request asks for")


async def _say(client: HttpPeer, status: int, text: str) -> None:
    """Answer with one line of text, if no response has begun."""
    if client.state.our_state not in (h11.IDLE, h11.SEND_RESPONSE):
        return
    body = f"bellglass: {text}\n".encode("ascii", "replace")
    headers = [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))]
    # In the reason phrase too: for a refused tunnel many programs show nothing else.
    await client.respond(status, text[:200], headers)
    await client.send(h11.Data(data=body))
    await client.send(h11.EndOfMessage())


async def _pass_body(client: HttpPeer, remote: HttpPeer) -> None:
    if client.state.they_are_waiting_for_100_continue:
        await client.send(h11.InformationalResponse(status_code=100, headers=[]))
    while True:
        event = await client.receive()
        if isinstance(event, h11.EndOfMessage):
            await remote.send(h11.EndOfMessage())
            return
        await remote.send(h11.Data(data=event.data))


async def _pass_response(remote: HttpPeer, client: HttpPeer, record: RequestRecord) -> None:
    begun = False
    while True:
        try:
            event = await remote.receive()
        except (h11.RemoteProtocolError, anyio.BrokenResourceError) as exc:
            if begun:
                raise TimeoutError from exc
            raise Answer(502, "the host did not answer in valid HTTP") from exc
        if isinstance(event, h11.Response):
            begun = True
            headers = [*end_to_end(event.headers), (b"Connection", b"close")]
            await client.send(
                h11.Response(status_code=event.status_code, reason=event.reason, headers=headers)
            )
        elif isinstance(event, h11.Data):
            record.size += len(event.data)
            await client.send(h11.Data(data=event.data))
        elif isinstance(event, h11.EndOfMessage):
            await client.send(h11.EndOfMessage())
            return


async def _joined(near: ByteStream, far: ByteStream, record: RequestRecord) -> None:
    """Relay bytes both ways until both sides have ended, or nothing has arrived for a while."""
    with anyio.CancelScope(deadline=anyio.current_time() + IDLE_TIMEOUT_SECONDS) as scope:

        async def move(source: ByteStream, sink: ByteStream, counted: int) -> None:
            try:
                with suppress(anyio.EndOfStream):
                    while True:
                        data = await source.receive(_READ_BYTES)
                        record.size += counted * len(data)
                        scope.deadline = anyio.current_time() + IDLE_TIMEOUT_SECONDS
                        await sink.send(data)
                await sink.send_eof()
            except (OSError, anyio.BrokenResourceError, anyio.ClosedResourceError):
                scope.cancel()

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(move, near, far, 0)
            tasks.start_soon(move, far, near, 1)
