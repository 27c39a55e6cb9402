"""Time limits of calls, and the start of background runs."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from mcp.server.mcpserver.exceptions import ToolError

from bellglass.tools.call_limits import MAX_TIMEOUT_SECONDS
from bellglass.tools.errors import reported_to_model
from bellglass.tools.execute.rendering import rendered_start
from bellglass.tools.execute.result import result_for
from bellglass.tools.sessions.session_resolver import session_for

if TYPE_CHECKING:
    from mcp.server.mcpserver import Context
    from mcp.types import CallToolResult

    from bellglass.tools.context import ToolContext


def call_seconds(context: ToolContext, timeout: float | None) -> float:
    """Return the time limit of a call that waits for its code."""
    if timeout is not None and timeout > MAX_TIMEOUT_SECONDS:
        longer = f" With background=true it may be {context.background_seconds:g}."
        raise ToolError(
            f"timeout must be a number of seconds above 0 and at most {MAX_TIMEOUT_SECONDS}, not "
            f"{timeout:g}, so nothing was run.{longer if context.background_seconds else ''}"
        )
    return timeout or context.timeout_seconds


async def begin(
    ctx: Context[ToolContext],
    session_id: str | None,
    op: str,
    arguments: dict[str, Any],
    timeout: float | None,
    note: str | None,
) -> CallToolResult:
    """Begin a background run of the code in `arguments`, and return at once."""
    context = ctx.request_context.lifespan_context
    most = context.background_seconds
    if not most:
        raise ToolError(
            "The operator of this server has turned background runs off, so nothing was run. "
            "Call again without background."
        )
    with reported_to_model():
        session = await session_for(ctx, session_id)
        left = session.created_at + context.sessions.age_seconds - time.time()
        seconds = max(1.0, min(timeout or most, most, left))
        execution = await session.begin(op, arguments, timeout=seconds)
    return result_for(ctx, rendered_start(execution, session, ctx, note))
