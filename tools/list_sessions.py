import time

from mcp.server.mcpserver import Context
from mcp.types import CallToolResult, TextContent

from bellglass.sandboxes.session import Session
from bellglass.tools.conversation import sessions_of
from bellglass.tools.rendering import duration
from bellglass.tools.workbench import Workbench


async def list_sessions(ctx: Context[Workbench]) -> CallToolResult:
    """List your open sessions: id, age, calls, and the time left without a call."""
    sessions = sorted(sessions_of(ctx), key=lambda session: session.used_at, reverse=True)
    lines = [_line(session) for session in sessions]
    text = "\n".join(lines) or "No open sessions. A call without session_id starts one."
    return CallToolResult(content=[TextContent(type="text", text=text)])


def _line(session: Session) -> str:
    now = time.time()
    state = (
        "running now"
        if session.busy
        else f"idle {duration(now - session.used_at)}, "
        f"deleted in {duration(session.idle_seconds_left())}"
    )
    calls = f"{session.calls} call{'' if session.calls == 1 else 's'}"
    return f"session_id: {session.id} - started {duration(now - session.created_at)} ago, {calls}, {state}"
