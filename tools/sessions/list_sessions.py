import time

from mcp.server.mcpserver import Context
from mcp.types import CallToolResult, TextContent

from bellglass.sandboxes.sessions.durations import duration
from bellglass.sandboxes.sessions.session import Session
from bellglass.tools.context import ToolContext
from bellglass.tools.sessions.session_resolver import is_anonymous, sessions_of


async def list_sessions(ctx: Context[ToolContext]) -> CallToolResult:
    """List the open sessions: id, age, calls, time left. Needed only if a session_id was lost."""
    manager = ctx.request_context.lifespan_context.sessions
    sessions = sorted(sessions_of(ctx), key=lambda session: session.used_at, reverse=True)
    text = "\n".join(_line(session, manager.seconds_left(session)) for session in sessions)
    if not text:
        text = "No open sessions. A call without session_id starts one."
        if is_anonymous(ctx):
            text = (
                "None to list. Over HTTP without a token only the sessions of this connection are "
                "listed; any other can be used by the session_id that its result named."
            )
    return CallToolResult(content=[TextContent(type="text", text=text)])


def _line(session: Session, seconds_left: float) -> str:
    now = time.time()
    state = (
        "running now"
        if session.busy
        else f"{'paused' if session.resting else 'idle'} {duration(now - session.used_at)}, "
        f"deleted in {duration(seconds_left)}"
    )
    if live := len(session.runs.live):
        state += f", {live} background run{'' if live == 1 else 's'}"
    if (used := session.used_seconds) is not None:
        state += f", about {used:.0f} s of paid time used"
    calls = f"{session.calls} call{'' if session.calls == 1 else 's'}"
    age = duration(now - session.created_at)
    return f"session_id: {session.id} - started {age} ago, {calls}, {state}"
