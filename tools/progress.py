"""Progress notifications for clients that asked for them: elapsed time and new output.

A separate task sends them: a client that asks for them and does not read delays that task, but not
the call, nor the session in whose turn it runs.
"""

from __future__ import annotations

import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import anyio

from bellglass.tools.terminal import as_shown

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable

    from mcp.server.mcpserver import Context

    from bellglass.sandboxes.frame_models import Stream
    from bellglass.tools.context import ToolContext

    OnStream = Callable[[Stream], Awaitable[None]]

MIN_INTERVAL_SECONDS = 0.5
"""The shortest time between two notifications."""

MAX_SILENCE_SECONDS = 10.0
"""Without output, the time to a notification that the call goes on: some clients need it."""

MAX_NOTE_CHARACTERS = 2_000
"""Characters of output in one notification; of more, the end."""


@asynccontextmanager
async def progress_to(
    ctx: Context[ToolContext], total_seconds: float
) -> AsyncGenerator[OnStream | None]:
    """Yield a function that takes output as it arrives, or None if the client asked for none.

    No notification is sent after the context is left.
    """
    request = ctx.request_context
    if request.meta is None or request.meta.get("progress_token") is None:
        listener = request.lifespan_context.listener
        yield listener.take_output if listener is not None else None
        return
    notes = _Notes(ctx, total_seconds)
    request.lifespan_context.tasks.start_soon(notes.send)
    try:
        yield notes.add
    finally:
        notes.scope.cancel()
        with anyio.CancelScope(shield=True):
            await notes.ended.wait()


class _Notes:
    def __init__(self, ctx: Context[ToolContext], total_seconds: float) -> None:
        self.scope = anyio.CancelScope()
        self.ended = anyio.Event()
        self._ctx = ctx
        self._total = total_seconds
        self._started = time.monotonic()
        self._text = ""
        self._arrived = anyio.Event()

    async def add(self, stream: Stream) -> None:
        self._text = (self._text + stream.text)[-MAX_NOTE_CHARACTERS - 1 :]
        self._arrived.set()

    async def send(self) -> None:
        try:
            with self.scope:
                while True:
                    with anyio.move_on_after(MAX_SILENCE_SECONDS):
                        await self._arrived.wait()
                    self._arrived = anyio.Event()
                    text, self._text = as_shown(self._text).rstrip("\n"), ""
                    if len(text) > MAX_NOTE_CHARACTERS:
                        text = f"…{text[-MAX_NOTE_CHARACTERS:]}"
                    gone = round(time.monotonic() - self._started, 3)
                    await self._ctx.report_progress(gone, self._total, text or None)
                    await anyio.sleep(MIN_INTERVAL_SECONDS)
        except (anyio.BrokenResourceError, anyio.ClosedResourceError):
            pass  # the client has gone, and its call is cancelled elsewhere
        finally:
            self.ended.set()
