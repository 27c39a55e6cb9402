"""The server's end of the stream to a supervisor: frames in, requests out, one at a time.

The other end is `bellglass.sandboxes.supervisor.server_stream`.
"""

from __future__ import annotations

import itertools
from contextlib import nullcontext
from typing import TYPE_CHECKING

import anyio
import anyio.lowlevel
from pydantic import ValidationError

from bellglass.sandboxes import trace
from bellglass.sandboxes.backend import PatientStream
from bellglass.sandboxes.errors import SessionLost
from bellglass.sandboxes.frame_models import AnyFrame, FromSupervisor
from bellglass.sandboxes.streams.sockets import SocketStream
from bellglass.sandboxes.wire.framing import (
    HEADER_BYTES,
    MAX_FRAME_BYTES,
    Oversized,
    body_bytes,
    encode,
    loads,
)
from bellglass.sandboxes.wire.legal_orders import FRAMES, OutOfOrder, follow

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from anyio.abc import ByteStream

    from bellglass.sandboxes.wire.schema.requests import Request


READ_BYTES = 4096
"""Bytes that are read at once: most replies, and not so many small frames of a hostile sandbox that
other tasks would notice."""

_numbers = itertools.count(1)


class Frames:
    """Both directions of one stream."""

    def __init__(self, stream: ByteStream, on_torn: Callable[[], None]) -> None:
        """`on_torn` is called when only a part of a frame was sent: the stream is out of step."""
        self._stream = stream
        self._arrived = bytearray()
        """Bytes of the next frames."""
        self._sending = anyio.Lock(fast_acquire=True)
        self._on_torn = on_torn
        self._state = "starting"
        """Of `legal_orders.FRAMES`."""
        self._number = next(_numbers)

    def answer_due(self) -> AbstractContextManager[None]:
        """Return a context during which the far end owes an answer."""
        if isinstance(self._stream, PatientStream):
            return self._stream.answer_due()
        return nullcontext()

    async def receive(self) -> AnyFrame:
        """Return the next frame.

        Raises:
            SessionLost: There is none, or no valid one, or it is out of order.
        """
        try:
            size = body_bytes(await self._receive_exactly(HEADER_BYTES), MAX_FRAME_BYTES)
            # Untrusted code ran at the far end: frames are input, not truth.
            body = loads(await self._receive_exactly(size))
            frame = FromSupervisor.validate_python(body)
            self._state = follow(FRAMES, self._state, frame.type)
            trace.frame(self._number, "<-", frame.type, getattr(frame, "id", None), size)
            return frame
        except anyio.BrokenResourceError as exc:
            raise SessionLost(str(exc) or "The sandbox died while running the code.") from exc
        except anyio.EndOfStream as exc:
            raise SessionLost("The sandbox died while running the code.") from exc
        except OutOfOrder as exc:
            raise SessionLost(f"The sandbox sent frames out of order: {exc}.") from exc
        except Oversized as exc:
            raise SessionLost("The sandbox sent an oversized reply.") from exc
        except (ValueError, RecursionError, ValidationError) as exc:
            raise SessionLost("The sandbox sent a malformed reply.") from exc

    async def _receive_exactly(self, size: int) -> bytes:
        arrived = self._arrived
        while len(arrived) < size:
            arrived += await self._stream.receive(max(READ_BYTES, size - len(arrived)))
        data = bytes(arrived[:size])
        del arrived[:size]
        return data

    async def _send_shielded(self, data: bytes, seconds: float) -> None:
        """Send all of it, also in a cancelled task: a part would leave the stream out of step."""
        with anyio.CancelScope(deadline=anyio.current_time() + seconds, shield=True) as sending:
            await self._stream.send(data)
        if sending.cancelled_caught:
            raise TimeoutError

    async def send(self, request: Request, seconds: float) -> None:
        """Send a request, after those that are being sent, within this many seconds.

        In a cancelled task, nothing has been sent if this raises, and everything if it returns.

        Raises:
            SessionLost: It cannot be sent.
            TimeoutError: The far end does not take it.
        """
        data = encode(request)
        size = len(data) - HEADER_BYTES
        trace.frame(self._number, "->", request["op"], request.get("id"), size)
        try:
            # One frame at a time, because it may be sent in several writes.
            async with self._sending:
                await anyio.lowlevel.checkpoint_if_cancelled()
                try:
                    if isinstance(self._stream, SocketStream):
                        # A socket takes most frames at once, without a deadline to set.
                        data = data[self._stream.send_at_once(data) :]
                    if data:
                        await self._send_shielded(data, seconds)
                except BaseException:
                    self._on_torn()
                    raise
        except (anyio.BrokenResourceError, anyio.ClosedResourceError) as exc:
            # A backend may know more than that its stream is broken.
            raise SessionLost(str(exc) or "The sandbox died before the code ran.") from exc
