"""Progress of a run, for clients that asked for it: the time gone and the last line of output."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from mcp.server.mcpserver import Context

    from bellglass.sandboxes.protocol import Stream
    from bellglass.tools.workbench import Workbench

INTERVAL_SECONDS = 0.5
LINE_CHARACTERS = 200


def progress_to(
    ctx: Context[Workbench], total_seconds: float
) -> Callable[[Stream], Awaitable[None]] | None:
    """Return what to call with output as it comes, or None if the client did not ask."""
    meta = ctx.request_context.meta
    if meta is None or meta.get("progress_token") is None:
        return None
    started = time.monotonic()
    reported = started - INTERVAL_SECONDS

    async def report(stream: Stream) -> None:
        nonlocal reported
        now = time.monotonic()
        if now - reported < INTERVAL_SECONDS:
            return
        reported = now
        lines = stream.text[-10 * LINE_CHARACTERS :].strip().splitlines()
        message = lines[-1][:LINE_CHARACTERS] if lines else None
        await ctx.report_progress(round(now - started, 3), total_seconds, message)

    return report
