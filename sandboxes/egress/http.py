"""One side of an HTTP/1.1 connection: h11's state on a stream, with bounded waits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import anyio
import h11

if TYPE_CHECKING:
    from collections.abc import Iterable

    from anyio.abc import ByteStream

MAX_HEAD_BYTES = 64 * 1024
"""Maximum size of a request or response before its body."""

IDLE_TIMEOUT_SECONDS = 300.0
"""A connection is closed after this long without a byte."""

_READ_BYTES = 32 * 1024

# RFC 9110, 7.6.1, and headers that clients send to proxies besides.
_HOP_BY_HOP = frozenset(
    b"connection keep-alive proxy-connection te trailer transfer-encoding upgrade expect "
    b"proxy-authenticate proxy-authorization proxy-authentication-info".split()
)

Headers = list[tuple[bytes, bytes]]


class HttpPeer:
    """A client or server of HTTP/1.1 on a stream."""

    def __init__(self, stream: ByteStream, role: Any) -> None:
        self.stream = stream
        self.state = h11.Connection(role, max_incomplete_event_size=MAX_HEAD_BYTES)

    async def receive(self) -> Any:
        """Return the next event.

        Raises:
            h11.RemoteProtocolError: The other side does not speak HTTP.
            TimeoutError: The other side sent nothing in time.
        """
        while (event := self.state.next_event()) is h11.NEED_DATA:
            try:
                with anyio.fail_after(IDLE_TIMEOUT_SECONDS):
                    data = await self.stream.receive(_READ_BYTES)
            except anyio.EndOfStream:
                data = b""
            self.state.receive_data(data)
        return event

    async def send(self, event: Any) -> None:
        data = self.state.send(event)
        if data:
            with anyio.fail_after(IDLE_TIMEOUT_SECONDS):
                await self.stream.send(data)

    async def respond(self, status: int, reason: str, headers: Iterable[tuple[str, str]]) -> None:
        """Send the head of a response; the connection is closed after it."""
        await self.send(
            h11.Response(
                status_code=status,
                reason=reason.encode("ascii", "replace"),
                headers=[*headers, ("Connection", "close")],
            )
        )


def end_to_end(headers: Iterable[tuple[bytes, bytes]]) -> Headers:
    """Return the end-to-end headers; of those that frame the body, only Content-Length."""
    given = list(headers)
    listed = [value for name, value in given if name == b"connection"]
    dropped = {part.strip().lower() for value in listed for part in value.split(b",")}
    chunked = any(name == b"transfer-encoding" for name, _ in given)
    return [
        (name, value)
        for name, value in given
        if name not in _HOP_BY_HOP
        and name not in dropped - {b"content-length", b"host"}
        and not (chunked and name == b"content-length")
    ]
