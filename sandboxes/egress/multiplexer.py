"""The connections of one sandbox: opened from inside, each served by its own task."""

from __future__ import annotations

import logging
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Self

import anyio

from bellglass.sandboxes.egress.channel import Channel
from bellglass.sandboxes.egress.quota import Quota
from bellglass.sandboxes.egress.request_log import RequestLog
from bellglass.sandboxes.wire.relay import MAX_CONNECTIONS

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable

    from anyio.abc import TaskGroup

    from bellglass.sandboxes.frame_models import Net
    from bellglass.sandboxes.wire.schema.requests import NetRequest

logger = logging.getLogger(__name__)


class Multiplexer:
    """Dispatches frames to their connections. `take` never waits, whatever frame arrives."""

    def __init__(
        self,
        tasks: TaskGroup,
        serve: Callable[[Channel, RequestLog, Quota], Awaitable[None]],
        send: Callable[[NetRequest], Awaitable[None]],
    ) -> None:
        self.request_log = RequestLog()
        self._quota = Quota()
        self._tasks = tasks
        self._serve = serve
        self._send = send
        self._channels: dict[int, Channel] = {}
        self._ended = anyio.Event()
        """Set when a connection has ended."""
        self._last = 0

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        serve: Callable[[Channel, RequestLog, Quota], Awaitable[None]],
        send: Callable[[NetRequest], Awaitable[None]],
    ) -> AsyncGenerator[Self]:
        """Serve connections until the context is left; then close all of them."""
        async with anyio.create_task_group() as tasks:
            yield cls(tasks, serve, send)
            tasks.cancel_scope.cancel()

    def take(self, frame: Net) -> bool:
        """Process a frame; return False if it violates the protocol."""
        if frame.event == "open":
            # Numbers only grow, so a late frame cannot be taken for one of another connection.
            if frame.id <= self._last or len(self._channels) >= MAX_CONNECTIONS:
                return False
            self._last = frame.id
            channel = self._channels[frame.id] = Channel(frame.id, self._send)
            self._tasks.start_soon(self._served, channel)
            return True
        known = self._channels.get(frame.id)
        if known is None:
            return frame.id <= self._last  # we closed it while this frame was on its way
        if frame.event == "close":
            del self._channels[frame.id]
        return known.take(frame)

    async def hang_up(self) -> None:
        """End every connection."""
        for channel in list(self._channels.values()):
            channel.scope.cancel()
        while self._channels:
            await self._ended.wait()

    async def _served(self, channel: Channel) -> None:
        try:
            with channel.scope:
                await self._serve(channel, self.request_log, self._quota)
        except (anyio.BrokenResourceError, anyio.ClosedResourceError, anyio.EndOfStream):
            pass  # one of the two sides has gone
        except Exception:
            # Only this connection ends; the sandbox goes on.
            logger.exception("A connection of a session failed")
        finally:
            self._channels.pop(channel.number, None)
            self._ended.set()
            self._ended = anyio.Event()
            await channel.aclose()
