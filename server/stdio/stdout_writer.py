"""Write to a pipe that a slow client reads, without a thread for each message.

The SDK's writer uses a thread for every write and every flush: two turns of the event loop each.
Ours writes at once if there is room, and otherwise waits for it like any other task. The descriptor
stays in blocking mode, because our parent may share it.
"""

import contextlib
import itertools
import os
import select
import socket
import stat

import anyio

PIPE_BYTES = select.PIPE_BUF
"""A ready pipe takes this many bytes without blocking: pipe(7) and poll(2)."""

MAX_PIECES_PER_TURN = 64
"""Pieces of a long message before other tasks get a turn."""


class StdoutWriter:
    """A file as the SDK's stdio transport uses it: one message, then a flush."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._poll = select.poll()
        self._poll.register(descriptor, select.POLLOUT)
        self._socket: socket.socket | None = None
        if stat.S_ISSOCK(os.fstat(descriptor).st_mode):
            self._socket = socket.socket(fileno=os.dup(descriptor))

    async def write(self, text: str) -> None:
        """Write all of `text`.

        Raises:
            BrokenPipeError: Nobody reads it any more.
        """
        rest = memoryview(text.encode())
        for piece in itertools.count(1):
            if not self._poll.poll(0):
                await anyio.wait_writable(self._descriptor)
            elif piece % MAX_PIECES_PER_TURN == 0:
                await anyio.lowlevel.checkpoint()
            with contextlib.suppress(BlockingIOError):  # another writer to the same pipe was faster
                rest = rest[self._put(rest) :]
            if not rest:
                return

    def _put(self, data: memoryview) -> int:
        if self._socket is not None:
            return self._socket.send(data, socket.MSG_DONTWAIT)
        return os.write(self._descriptor, data[:PIPE_BYTES])

    async def flush(self) -> None:
        """Do nothing: there is no buffer."""

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
