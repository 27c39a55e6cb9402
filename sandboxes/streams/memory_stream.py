"""A byte stream between two tasks: what answers at the far end is part of the server."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio
from anyio.abc import ByteStream

if TYPE_CHECKING:
    from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

MAX_WAITING_SENDS = 16
"""Sends that wait for the other end."""


class MemoryStream(ByteStream):
    """One end. Closing it ends what the other end receives."""

    def __init__(
        self, send: MemoryObjectSendStream[bytes], receive: MemoryObjectReceiveStream[bytes]
    ) -> None:
        self._send = send
        self._receive = receive
        self._left = b""

    async def send(self, item: bytes) -> None:
        await self._send.send(item)

    async def receive(self, max_bytes: int = 65_536) -> bytes:
        data = self._left or await self._receive.receive()
        self._left = data[max_bytes:]
        return data[:max_bytes]

    async def send_eof(self) -> None:
        await self._send.aclose()

    async def aclose(self) -> None:
        await self._send.aclose()
        await self._receive.aclose()


def pair() -> tuple[MemoryStream, MemoryStream]:
    """Return the two ends of a stream."""
    there_send, there_receive = anyio.create_memory_object_stream[bytes](MAX_WAITING_SENDS)
    back_send, back_receive = anyio.create_memory_object_stream[bytes](MAX_WAITING_SENDS)
    return MemoryStream(there_send, back_receive), MemoryStream(back_send, there_receive)
