"""A network link before the double, whose connections can fall silent without being closed."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import socket
import struct
from typing import TYPE_CHECKING, Self
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from e2b_double.front import Front
    from e2b_double.server import Double

_SO_ATTACH_FILTER = 26  # include/uapi/asm-generic/socket.h
_DROP_ALL = struct.pack("=HBBI", 0x06, 0, 0, 0)  # BPF_RET | BPF_K: keep 0 bytes of a packet


class Wire:
    """A relay of TCP on the loopback, in the thread of the double."""

    def __init__(self, double: Double, front: Front | None = None) -> None:
        """With `front`, relay to that, and lose packets before the kernel acknowledges them.

        Else the kernel acknowledges what is lost: so does a balancer that hangs.
        """
        self.connections = 0
        """That there have been."""
        self._double = double
        self._front = front
        self._silent = False
        self._alive: set[_Connection] = set()
        self._server: asyncio.Server | None = None

    @property
    def url(self) -> str:
        assert self._server is not None
        scheme = "https" if self._front else "http"
        return f"{scheme}://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    def silence_connections(self) -> None:
        """Lose what comes over each connection from now on, and never end one; new ones are fine.

        So it is after a change of the network, or when an address translation has forgotten them.
        """
        for connection in self._alive:
            connection.fall_silent(acknowledge=self._front is None)

    def silence(self, silent: bool) -> None:
        """Lose what comes over any connection, new ones too, or let new ones be heard again."""
        self._silent = silent
        if silent:
            self.silence_connections()

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = _Connection(writer)
        if self._silent:
            connection.fall_silent(acknowledge=self._front is None)
        self._alive.add(connection)
        self.connections += 1
        if self._front is not None:
            far_reader, far_writer = await asyncio.open_unix_connection(self._front.socket)
        else:
            port = urlsplit(self._double.url).port
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", port)
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

    def __init__(self, near: asyncio.StreamWriter) -> None:
        self._near = near
        self._silent = False
        self._pumps: list[asyncio.Task[None]] = []

    def fall_silent(self, *, acknowledge: bool) -> None:
        self._silent = True
        if not acknowledge:
            program = ctypes.create_string_buffer(_DROP_ALL, len(_DROP_ALL))
            value = struct.pack("HP", 1, ctypes.addressof(program))
            end = self._near.get_extra_info("socket")
            end.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, value)

    def end(self) -> None:
        for pump in self._pumps:
            pump.cancel()

    async def pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._pumps.append(task)
        with contextlib.suppress(OSError):
            while data := await reader.read(1 << 16):
                if not self._silent:
                    writer.write(data)
                    await writer.drain()
            if not self._silent:
                writer.close()
