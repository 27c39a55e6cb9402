"""A stretch of network before the double, whose connections can fall silent without an end."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Self
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from e2b_double.server import Double


class Wire:
    """A relay of TCP on the loopback, in the thread of the double."""

    def __init__(self, double: Double) -> None:
        self.connections = 0
        """That there have been."""
        self._double = double
        self._port = urlsplit(double.url).port
        self._silent = False
        self._alive: set[_Connection] = set()
        self._server: asyncio.Server | None = None

    @property
    def url(self) -> str:
        assert self._server is not None
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    def silence_connections(self) -> None:
        """Lose what comes over each connection from now on, and never end one; new ones are fine.

        So it is after a change of the network, or when an address translation has forgotten them.
        """
        for connection in self._alive:
            connection.silent = True

    def silence(self, silent: bool) -> None:
        """Lose what comes over any connection, new ones too, or let new ones be heard again."""
        self._silent = silent
        if silent:
            self.silence_connections()

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = _Connection()
        connection.silent = self._silent
        self._alive.add(connection)
        self.connections += 1
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._port)
        pumps = connection.pump(reader, far_writer), connection.pump(far_reader, writer)
        await asyncio.gather(*pumps, return_exceptions=True)  # `end` cancels them
        self._alive.discard(connection)
        for end in (writer, far_writer):
            end.close()

    def __enter__(self) -> Self:
        self._server = self._double.do(asyncio.start_server(self._relay, "127.0.0.1", 0))
        return self

    def __exit__(self, *exc_info: object) -> None:
        assert self._server is not None
        self._double.call(self._server.close)
        for connection in list(self._alive):
            self._double.call(connection.end)


class _Connection:
    """Two directions that fall silent together."""

    def __init__(self) -> None:
        self.silent = False
        self._pumps: list[asyncio.Task[None]] = []

    def end(self) -> None:
        for pump in self._pumps:
            pump.cancel()

    async def pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._pumps.append(task)
        with contextlib.suppress(OSError):
            while data := await reader.read(1 << 16):
                if not self.silent:
                    writer.write(data)
                    await writer.drain()
            if not self.silent:
                writer.close()
