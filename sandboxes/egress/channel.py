"""The server's end of one connection from a sandbox: a byte stream with flow control.

`sandboxes/supervisor/relay` is the other end; the supervisor of the sandbox writes its frames.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Literal

import anyio
import anyio.lowlevel
from anyio import BrokenResourceError, ClosedResourceError, EndOfStream
from anyio.abc import ByteStream

from bellglass.sandboxes.wire.relay import MAX_DATA_BYTES, WINDOW_BYTES

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from bellglass.sandboxes.frame_models import Net
    from bellglass.sandboxes.wire.schema.requests import NetRequest


class Channel(ByteStream):
    """A connection between one program in the sandbox and the server's task that serves it."""

    def __init__(self, number: int, send: Callable[[NetRequest], Awaitable[None]]) -> None:
        self.number = number
        self.scope = anyio.CancelScope()
        """Scope of the task that serves the connection."""
        self._send = send
        self._arrived = bytearray()
        self._ended = False
        self._closed = False
        self._used = 0
        """Bytes that were read here and not yet granted to the far end again."""
        self._room = WINDOW_BYTES
        self._changed = anyio.Event()

    def take(self, frame: Net) -> bool:
        """Accept a frame without waiting; return False if it exceeds the granted window."""
        if frame.event == "data":
            if len(self._arrived) + self._used + len(frame.data) > WINDOW_BYTES or self._ended:
                return False
            self._arrived += frame.data
        elif frame.event == "eof":
            self._ended = True
        elif frame.event == "credit":
            self._room += frame.size
        else:  # the program has closed the connection
            self._closed = True
            self.scope.cancel()
        self._changed.set()
        self._changed = anyio.Event()
        return self._room <= WINDOW_BYTES

    # --- the stream

    async def receive(self, max_bytes: int = MAX_DATA_BYTES) -> bytes:
        await anyio.lowlevel.checkpoint()
        while not self._arrived:
            if self._closed:
                raise ClosedResourceError
            if self._ended:
                raise EndOfStream
            await self._changed.wait()
        data = bytes(self._arrived[:max_bytes])
        del self._arrived[: len(data)]
        self._used += len(data)
        if self._used >= WINDOW_BYTES // 4 and not self._ended:
            granted, self._used = self._used, 0
            await self._send({"op": "net", "id": self.number, "event": "credit", "size": granted})
        return data

    async def send(self, item: bytes) -> None:
        await anyio.lowlevel.checkpoint()
        view = memoryview(item)
        while view:
            while not self._room and not self._closed:
                await self._changed.wait()
            if self._closed:
                raise BrokenResourceError
            part = view[: min(MAX_DATA_BYTES, self._room)]
            self._room -= len(part)
            text = base64.b64encode(part).decode()
            await self._send({"op": "net", "id": self.number, "event": "data", "data": text})
            view = view[len(part) :]

    async def send_eof(self) -> None:
        if not self._closed:
            await self._tell("eof")

    async def aclose(self) -> None:
        if not self._closed:
            self._closed = True
            await self._tell("close")
        await anyio.lowlevel.checkpoint()

    async def _tell(self, event: Literal["eof", "close"]) -> None:
        await self._send({"op": "net", "id": self.number, "event": event})
