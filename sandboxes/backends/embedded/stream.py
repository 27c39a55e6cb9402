"""The stream to a sandbox over a socket pair, which reports the sender's process id."""

from __future__ import annotations

import socket
import struct

from anyio import EndOfStream

from bellglass.sandboxes.streams.sockets import SocketStream

_CREDENTIALS = struct.Struct("3i")  # struct ucred: pid, uid, gid
CREDENTIALS_SPACE = socket.CMSG_SPACE(_CREDENTIALS.size)


class SignedStream(SocketStream):
    """One end of a pair of AF_UNIX sockets; see `pair`."""

    async def receive_signed(self) -> tuple[bytes, int]:
        """Receive one byte, and the process id of its sender, which the kernel reports."""
        while True:
            try:
                data, ancillary, _, _ = self._socket.recvmsg(1, CREDENTIALS_SPACE)
            except BlockingIOError:
                await self._wait(reading=True)
            except OSError as exc:
                raise self._broken() from exc
            else:
                if not data:
                    raise EndOfStream
                return data, sender(ancillary)

    async def speaks(self) -> bool:
        """Wait until something has come, which `receive` still returns; tell if anything will."""
        await self._wait(reading=True)
        try:
            return bool(self._socket.recv(1, socket.MSG_PEEK))
        except OSError:
            return False


def sender(ancillary: list[tuple[int, int, bytes]]) -> int:
    """Return the process id from the credentials of a message."""
    for level, kind, content in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_CREDENTIALS:
            return int(_CREDENTIALS.unpack(content[: _CREDENTIALS.size])[0])
    return 0


def pair(kind: socket.SocketKind) -> tuple[socket.socket, socket.socket]:
    """Return (ours, theirs); ours receives the credentials of senders."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, kind)
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
    ours.setblocking(False)
    return ours, theirs
