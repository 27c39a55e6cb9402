"""The supervisor's end of the stream to the server: requests in, frames out.

Where another server may follow one that is gone, a second socket brings its stream. That is a new
connection, so nothing on it is half of anything: what the new server has to know is in the
self-check, not in frames that were meant for another.
"""

from __future__ import annotations

import json
import os
import select
import socket
from collections import deque
from typing import TYPE_CHECKING

from bellglass.sandboxes.supervisor.report.execution_report import failure
from bellglass.sandboxes.wire.framing import (
    HEADER_BYTES,
    MAX_REQUEST_BYTES,
    Oversized,
    body_bytes,
    encode,
)
from bellglass.sandboxes.wire.legal_orders import REQUESTS, follow

if TYPE_CHECKING:
    from bellglass.sandboxes.wire.schema.basics import Mark
    from bellglass.sandboxes.wire.schema.execution import Execution
    from bellglass.sandboxes.wire.schema.frames import Frame, Reply, Tick
    from bellglass.sandboxes.wire.schema.requests import AskRuns, Call, Request

TICK_INTERVAL_SECONDS = 1.0


_MAX_ATTACH_BYTES = 256


class ServerStream:
    """Frames on two descriptors, which may be the same one."""

    def __init__(self, read_fd: int, write_fd: int, attach_fd: int | None = None) -> None:
        """`attach_fd` is the socket over which another server's stream may come."""
        self.read_fd = read_fd
        self.attach_fd = attach_fd
        self.connected = True
        """Whether there is a server, as far as we know."""
        self._next_fd: int | None = None
        """The stream of a server that has come, and has had no self-check."""
        self._write_fd = write_fd
        self._pending = bytearray()
        self._requests: deque[Request] = deque()
        self.handover_nonce: str | None = None
        """Set when another server has re-attached, and waits for a self-check with this nonce."""
        self._tick_at = 0.0
        self._state = "new"
        """A state of `legal_orders.REQUESTS`."""
        os.set_blocking(read_fd, True)

    @property
    def abandoned(self) -> bool:
        """Whether the server that asked last is gone, or another one has taken over."""
        return not self.connected or self.handover_nonce is not None

    def cut(self) -> bool:
        """Go on without a server if another may come: what is sent until then is dropped."""
        if self.attach_fd is None:
            return False
        if self.connected:
            self.connected = False
            self._use(os.open(os.devnull, os.O_RDWR))
        return True

    def take_attach(self) -> bool:
        """Take the stream of another server; return False if nobody can reach us any more."""
        assert self.attach_fd is not None
        with socket.socket(fileno=os.dup(self.attach_fd)) as attach:
            flags = socket.MSG_CMSG_CLOEXEC
            data, descriptors, _, _ = socket.recv_fds(attach, _MAX_ATTACH_BYTES, 1, flags)
        if not data:
            os.close(self.attach_fd)
            self.attach_fd = None
            return self.connected
        if self._next_fd is not None:
            os.close(self._next_fd)
        [self._next_fd] = descriptors
        self.cut()
        self._note("resume")
        self.handover_nonce = json.loads(data)["nonce"]
        return True

    def take_over(self) -> None:
        """Talk to the server that has taken over from now on."""
        self.handover_nonce = None
        if self._next_fd is not None:
            self._use(self._next_fd)
            self._next_fd = None
            self.connected = True

    def _use(self, fd: int) -> None:
        for number in {self.read_fd, self._write_fd}:
            os.dup2(fd, number, inheritable=False)
        os.close(fd)
        os.set_blocking(self.read_fd, True)
        self._pending.clear()
        self._requests.clear()

    def read(self) -> bool:
        """Read once, for `take`; return False at the end of the stream."""
        try:
            data = os.read(self.read_fd, 1 << 18)
            if not data:
                return False
            self._pending += data
            while len(self._pending) >= HEADER_BYTES:
                size = body_bytes(self._pending[:HEADER_BYTES], MAX_REQUEST_BYTES)
                if len(self._pending) < HEADER_BYTES + size:
                    break
                body = bytes(self._pending[HEADER_BYTES : HEADER_BYTES + size])
                self._requests.append(json.loads(body))
                del self._pending[: HEADER_BYTES + size]
        except (OSError, Oversized):
            return False
        return True

    @property
    def waiting(self) -> bool:
        """Whether a request has been read that nobody has taken."""
        return bool(self._requests)

    def take(self) -> Request:
        """Return the next request that was read.

        Requests stay here until they are taken: one read may bring a request together with its
        cancellation, which then finds the request running.

        Raises:
            OutOfOrder: It may not be asked now, and is dropped.
        """
        request = self._requests.popleft()
        op: str = request["op"]
        self._note("call" if op in ("python", "bash", "job") else op)
        return request

    def _note(self, message: str) -> None:
        self._state = follow(REQUESTS, self._state, message)

    def tick(self, now: float) -> None:
        """Tell the server now and then that we are awake: it ends a sandbox that is silent."""
        if now >= self._tick_at and self.writable():
            self._tick_at = now + TICK_INTERVAL_SECONDS
            tick: Tick = {"type": "tick"}
            self.send(tick)

    def send(self, frame: Frame) -> None:
        """Send a whole frame.

        Raises:
            TypeError, ValueError, RecursionError: It cannot be serialized; nothing was sent.
        """
        data = memoryview(encode(frame))
        while data:
            try:
                data = data[os.write(self._write_fd, data) :]
            except BlockingIOError:
                select.select([], [self._write_fd], [])
            except (BrokenPipeError, ConnectionResetError):
                if not self.cut():
                    raise
                return

    def reply(self, request: Call | AskRuns, execution: Execution) -> None:
        """Send the reply to a request, or an error if `execution` cannot be serialized."""
        self._note("answer" if request["op"] == "runs" else "reply")
        mark: Mark = {"id": request["id"], "nonce": request["nonce"]}
        reply: Reply = {"type": "reply", **mark, "execution": execution}
        try:
            self.send(reply)
        except (TypeError, ValueError, RecursionError) as exc:
            self.send({**reply, "execution": failure(f"{type(exc).__name__}: {exc}")})

    def writable(self) -> bool:
        """Tell if a frame can be sent without waiting for the server to read."""
        return bool(select.select([], [self._write_fd], [], 0)[1])
