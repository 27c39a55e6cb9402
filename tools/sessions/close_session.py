from typing import Annotated

from mcp.server.mcpserver import Context
from mcp.types import CallToolResult, TextContent
from pydantic import Field

from bellglass.sandboxes.errors import SessionNotFound
from bellglass.tools.callers import current_caller
from bellglass.tools.context import ToolContext
from bellglass.tools.errors import reported_to_model
from bellglass.tools.sessions.session_resolver import owner_of


async def close_session(
    session_id: Annotated[str, Field(max_length=200)], ctx: Context[ToolContext]
) -> CallToolResult:
    """Delete a session now: processes, variables and files. Optional, as each ends by itself."""
    request = ctx.request_context
    sessions, owner = request.lifespan_context.sessions, owner_of(request)
    with reported_to_model():
        caller = current_caller()
        whose = f" by a client at {caller.peer}" if caller is not None else ""
        reason = f"it was closed with close_session{whose}"
        try:
            await sessions.close(session_id, owner, reason)
        except SessionNotFound as exc:
            raise SessionNotFound(exc.reason, "There is nothing to close.") from exc
    return CallToolResult(
        content=[TextContent(type="text", text="Closed. Its variables and files are deleted.")]
    )
