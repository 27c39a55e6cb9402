"""The stream to the supervisor in a container: the connection that the engine attached."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import anyio
from anyio import BrokenResourceError, EndOfStream
from anyio.abc import ByteStream

from bellglass.sandboxes.backends.docker.frames import DockerStreamError, Frames
from bellglass.sandboxes.execution import clean

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from bellglass.sandboxes.streams.sockets import SocketStream

_READ_BYTES = 65536
_DRAIN_TIMEOUT_SECONDS = 1.0


class AttachedStream(ByteStream):
    """Stdin and stdout of a container; the end of its stderr is kept for a diagnosis.

    Data is read only on demand, so a container that writes faster than we read has to wait.
    """

    def __init__(self, connection: SocketStream) -> None:
        self._connection = connection
        self._frames = Frames()
        self._first = b""
        self.why_ended: Callable[[], Awaitable[str]] | None = None
        """Called when the container has ended: returns the reason for users, or "" if unknown."""

    async def receive(self, max_bytes: int = _READ_BYTES) -> bytes:
        if self._first:
            data, self._first = self._first[:max_bytes], self._first[max_bytes:]
            return data
        try:
            while not (data := self._frames.take(max_bytes)):
                self._frames.feed(await self._connection.receive(_READ_BYTES))
        except DockerStreamError as exc:
            raise BrokenResourceError from exc
        except EndOfStream as exc:
            reason = await self.why_ended() if self.why_ended is not None else ""
            if reason:
                raise BrokenResourceError(reason) from exc
            raise
        return data

    async def send(self, item: bytes) -> None:
        await self._connection.send(item)

    async def send_eof(self) -> None:
        await self._connection.send_eof()

    async def aclose(self) -> None:
        await self._connection.aclose()

    async def wait_started(self) -> None:
        """Wait for the first byte of the supervisor, which `receive` still returns.

        Raises:
            EndOfStream: The container ended before that.
            BrokenResourceError: The connection to the engine broke.
        """
        self._first = await self.receive()

    async def drain(self) -> None:
        """Read the rest of the output of a container that is ending, for `errors`."""
        with (
            anyio.move_on_after(_DRAIN_TIMEOUT_SECONDS),
            suppress(EndOfStream, BrokenResourceError),
        ):
            while True:
                await self.receive()

    @property
    def errors(self) -> str:
        """The end of the container's stderr."""
        return clean(self._frames.errors.decode(errors="replace")).strip()
