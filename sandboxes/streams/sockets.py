"""A byte stream over a socket that somebody else has connected."""

from __future__ import annotations

import contextlib
import socket
import ssl

import anyio
import anyio.lowlevel
from anyio import BrokenResourceError, ClosedResourceError, EndOfStream
from anyio.abc import ByteStream

MAX_SMALL_BYTES = 4096
"""A task that sends no more than this at once need not let others run before it goes on."""


class SocketStream(ByteStream):
    """One end of a connected socket; it may speak TLS."""

    def __init__(self, end: socket.socket) -> None:
        end.setblocking(False)
        self._socket = end
        self._closed = False

    async def receive(self, max_bytes: int = 65536) -> bytes:
        await anyio.lowlevel.checkpoint_if_cancelled()
        waited = False
        while True:
            try:
                data = self._socket.recv(max_bytes)
            except (BlockingIOError, ssl.SSLWantReadError):
                await self._wait(reading=True)
                waited = True
            except ssl.SSLWantWriteError:
                await self._wait(reading=False)
            except OSError as exc:
                raise self._broken() from exc
            else:
                if not data:
                    raise EndOfStream
                if not waited:  # others had their turn while we did
                    await anyio.lowlevel.cancel_shielded_checkpoint()
                return data

    def send_at_once(self, item: bytes) -> int:
        """Send what the socket takes without waiting; return how many bytes.

        Raises:
            BrokenResourceError, ClosedResourceError: As `send`.
        """
        try:
            return self._socket.send(item)
        except (BlockingIOError, ssl.SSLWantWriteError, ssl.SSLWantReadError):
            return 0
        except OSError as exc:
            raise self._broken() from exc

    async def send(self, item: bytes) -> None:
        await anyio.lowlevel.checkpoint_if_cancelled()
        view = memoryview(item)
        while view:
            try:
                view = view[self._socket.send(view) :]
            except (BlockingIOError, ssl.SSLWantWriteError):
                await self._wait(reading=False)
            except ssl.SSLWantReadError:
                await self._wait(reading=True)
            except OSError as exc:
                raise self._broken() from exc
        if len(item) > MAX_SMALL_BYTES:  # others have their turn while the answer is waited for
            await anyio.lowlevel.cancel_shielded_checkpoint()

    async def send_eof(self) -> None:
        if not self._closed:
            self._socket.shutdown(socket.SHUT_WR)

    async def aclose(self) -> None:
        if not self._closed:
            self._closed = True
            anyio.notify_closing(self._socket)
            # Something else may hold the descriptor: it is the connection that has to end.
            with contextlib.suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)
            self._socket.close()
        await anyio.lowlevel.checkpoint()

    async def receive_exactly(self, length: int) -> bytes:
        parts = bytearray()
        while len(parts) < length:
            parts += await self.receive(length - len(parts))
        return bytes(parts)

    async def _wait(self, *, reading: bool) -> None:
        try:
            if reading:
                await anyio.wait_readable(self._socket)
            else:
                await anyio.wait_writable(self._socket)
        except (OSError, ValueError) as exc:
            raise self._broken() from exc

    def _broken(self) -> Exception:
        return ClosedResourceError() if self._closed else BrokenResourceError()
