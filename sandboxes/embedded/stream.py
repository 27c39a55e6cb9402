"""A byte stream over one end of a socket pair, and waiting for descriptors."""

from __future__ import annotations

import socket
import struct
from typing import Any

import anyio
import anyio.lowlevel
from anyio import BrokenResourceError, ClosedResourceError, EndOfStream
from anyio.abc import ByteStream

_CREDENTIALS = struct.Struct("3i")  # struct ucred: pid, uid, gid
CREDENTIALS_SPACE = socket.CMSG_SPACE(_CREDENTIALS.size)


class SocketStream(ByteStream):
    """One end of a pair of AF_UNIX sockets."""

    def __init__(self, end: socket.socket) -> None:
        end.setblocking(False)
        self._socket = end
        self._closed = False

    async def receive(self, max_bytes: int = 65536) -> bytes:
        await anyio.lowlevel.checkpoint_if_cancelled()
        while True:
            try:
                data = self._socket.recv(max_bytes)
            except BlockingIOError:
                await self._wait(anyio.wait_readable)
            except OSError as exc:
                raise self._broken() from exc
            else:
                if not data:
                    raise EndOfStream
                await anyio.lowlevel.cancel_shielded_checkpoint()
                return data

    async def send(self, item: bytes) -> None:
        await anyio.lowlevel.checkpoint_if_cancelled()
        view = memoryview(item)
        while view:
            try:
                view = view[self._socket.send(view) :]
            except BlockingIOError:
                await self._wait(anyio.wait_writable)
            except OSError as exc:
                raise self._broken() from exc
        await anyio.lowlevel.cancel_shielded_checkpoint()

    async def send_eof(self) -> None:
        if not self._closed:
            self._socket.shutdown(socket.SHUT_WR)

    async def aclose(self) -> None:
        if not self._closed:
            self._closed = True
            anyio.notify_closing(self._socket)
            self._socket.close()
        await anyio.lowlevel.checkpoint()

    async def receive_signed(self) -> tuple[bytes, int]:
        """Receive one byte, and the process id of who sent it, as the kernel knows it."""
        while True:
            try:
                data, ancillary, _, _ = self._socket.recvmsg(1, CREDENTIALS_SPACE)
            except BlockingIOError:
                await self._wait(anyio.wait_readable)
            except OSError as exc:
                raise self._broken() from exc
            else:
                if not data:
                    raise EndOfStream
                return data, sender(ancillary)

    async def receive_exactly(self, length: int) -> bytes:
        parts = bytearray()
        while len(parts) < length:
            parts += await self.receive(length - len(parts))
        return bytes(parts)

    async def _wait(self, ready: Any) -> None:
        try:
            await ready(self._socket)
        except (OSError, ValueError) as exc:
            raise self._broken() from exc

    def _broken(self) -> Exception:
        return ClosedResourceError() if self._closed else BrokenResourceError()


def sender(ancillary: list[tuple[int, int, bytes]]) -> int:
    """Return the process id in the credentials of a message."""
    for level, kind, content in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_CREDENTIALS:
            return int(_CREDENTIALS.unpack(content[: _CREDENTIALS.size])[0])
    return 0


def pair(kind: socket.SocketKind) -> tuple[socket.socket, socket.socket]:
    """Return (ours, theirs); ours learns who sends."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, kind)
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
    ours.setblocking(False)
    return ours, theirs
