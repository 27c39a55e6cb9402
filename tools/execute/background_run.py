from typing import Annotated

import anyio
from mcp.server.mcpserver import Context
from mcp.types import CallToolResult, TextContent
from pydantic import Field

from bellglass.sandboxes.sessions.background_runs import Run
from bellglass.sandboxes.sessions.session import Session
from bellglass.tools.call_limits import MAX_TIMEOUT_SECONDS
from bellglass.tools.context import ToolContext
from bellglass.tools.errors import reported_to_model
from bellglass.tools.execute.rendering import rendered
from bellglass.tools.execute.result import result_for
from bellglass.tools.execute.run_text import listed
from bellglass.tools.progress import progress_to
from bellglass.tools.sessions.session_resolver import owner_of

STOP_TIMEOUT_SECONDS = 10
"""Seconds for a stopped run to end: it is killed after one."""


async def background_run(
    session_id: str,
    ctx: Context[ToolContext],
    run_id: Annotated[str | None, Field(description="Leave out to list.")] = None,
    wait: Annotated[
        float,
        Field(
            ge=0,
            le=MAX_TIMEOUT_SECONDS,
            allow_inf_nan=False,
            description="Seconds, for its end.",
        ),
    ] = 0,
    stop: bool = False,
) -> CallToolResult:
    """Look at what background=true started: its new output, and its result if it has ended."""
    request = ctx.request_context
    context = request.lifespan_context
    with reported_to_model():
        session = await context.sessions.find(session_id, owner_of(request))
        if run_id is None:
            return CallToolResult(content=[TextContent(type="text", text=listed(session))])
        run = session.runs.get(run_id)
        if stop:
            await session.look(run_id, "stop")
            with anyio.move_on_after(STOP_TIMEOUT_SECONDS):
                await run.outcome(end=True)
        elif wait and run.state == "running":
            await _wait(ctx, session, run, wait)
            # The session may have been closed meanwhile, and its runs with it.
            context.sessions.get(session_id, owner_of(request))
        execution = await session.look(run_id)
    return result_for(ctx, rendered(execution, session, ctx, timeout=run.seconds))


async def _wait(ctx: Context[ToolContext], session: Session, run: Run, seconds: float) -> None:
    """Wait for the outcome of the run, and send its output meanwhile."""
    async with progress_to(ctx, seconds) as on_stream:
        with anyio.move_on_after(seconds):
            if on_stream is None:
                await run.outcome()
                return
            await session.look(run.id, "watch", seconds=seconds)
            async for stream in run.output():
                await on_stream(stream)
