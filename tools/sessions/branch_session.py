from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ToolError
from mcp.types import CallToolResult, TextContent

from bellglass.sandboxes.saving import branching
from bellglass.sandboxes.saving.exchange import NotSaved
from bellglass.tools.arguments import EarlierSession
from bellglass.tools.context import ToolContext
from bellglass.tools.errors import reported_to_model
from bellglass.tools.sessions.session_resolver import known_session_for, new_session_for, owner_of


async def branch_session(
    ctx: Context[ToolContext], session_id: EarlierSession = None
) -> CallToolResult:
    """Start a new session with the variables and files of this one, to try something out."""
    request = ctx.request_context
    with reported_to_model():
        session = await known_session_for(ctx, session_id)
        branch = await new_session_for(ctx)
        try:
            copied = await branching.copy(session, branch)
        except BaseException as exc:
            sessions = request.lifespan_context.sessions
            await sessions.close(branch.id, owner_of(request), "it could not be filled")
            if isinstance(exc, NotSaved):
                raise ToolError(
                    f"The session could not be copied: {exc}. It is as it was."
                ) from exc
            raise
    text = f"{copied.told(f'A copy of {session.id}')}\nsession_id: {branch.id}"
    return CallToolResult(content=[TextContent(type="text", text=text)])
