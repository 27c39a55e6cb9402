"""The connections of one place: opened from inside, each served by a task of ours."""

from __future__ import annotations

import logging
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Self

import anyio

from bellglass.sandboxes.egress.channel import Channel
from bellglass.sandboxes.egress.quota import Quota
from bellglass.sandboxes.egress.request_log import RequestLog
from bellglass.sandboxes.wire.relay import MAX_CONNECTIONS

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable

    from anyio.abc import TaskGroup

    from bellglass.sandboxes.protocol import Net

logger = logging.getLogger(__name__)


class Multiplexer:
    """Hands frames to their connections. Nothing that comes can make `take` wait."""

    def __init__(
        self,
        tasks: TaskGroup,
        serve: Callable[[Channel, RequestLog, Quota], Awaitable[None]],
        send: Callable[[dict[str, Any]], Awaitable[None]],
    ) -> None:
        self.request_log = RequestLog()
        self._quota = Quota()
        self._tasks = tasks
        self._serve = serve
        self._send = send
        self._channels: dict[int, Channel] = {}
        self._ended = anyio.Event()
        """A connection has."""
        self._last = 0

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        serve: Callable[[Channel, RequestLog, Quota], Awaitable[None]],
        send: Callable[[dict[str, Any]], Awaitable[None]],
    ) -> AsyncGenerator[Self]:
        """Serve connections until the context is left; then all of them are cut."""
        async with anyio.create_task_group() as tasks:
            yield cls(tasks, serve, send)
            tasks.cancel_scope.cancel()

    def take(self, frame: Net) -> bool:
        """Do what a frame says; False if no runner of ours would have sent it."""
        if frame.event == "open":
            # Numbers only grow: one that was used cannot be taken for another connection.
            if frame.id <= self._last or len(self._channels) >= MAX_CONNECTIONS:
                return False
            self._last = frame.id
            channel = self._channels[frame.id] = Channel(frame.id, self._send)
            self._tasks.start_soon(self._served, channel)
            return True
        known = self._channels.get(frame.id)
        if known is None:
            return frame.id <= self._last  # closed by us while this was on its way
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
            pass  # one of both sides is gone
        except Exception:
            # Of one connection: the place goes on.
            logger.exception("A connection of a session failed")
        finally:
            self._channels.pop(channel.number, None)
            self._ended.set()
            self._ended = anyio.Event()
            await channel.aclose()
