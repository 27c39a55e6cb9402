from typing import Annotated

from mcp.server.mcpserver import Context
from mcp.types import CallToolResult
from pydantic import Field

from bellglass.tools.admission import admitted
from bellglass.tools.arguments import Background, RunTimeout, SessionId
from bellglass.tools.call_limits import MAX_CODE_CHARACTERS
from bellglass.tools.context import ToolContext
from bellglass.tools.errors import reported_to_model
from bellglass.tools.execute.rendering import rendered
from bellglass.tools.execute.result import result_for
from bellglass.tools.execute.start_background import begin, call_seconds
from bellglass.tools.policy import Program
from bellglass.tools.progress import progress_to
from bellglass.tools.sessions.session_resolver import session_for


async def execute_python(
    code: Annotated[str, Field(max_length=MAX_CODE_CHARACTERS)],
    ctx: Context[ToolContext],
    session_id: SessionId = None,
    timeout: RunTimeout = None,
    background: Background = False,
) -> CallToolResult:
    """Run Python in a sandbox and return its output and the value of its last expression.

    Variables, imports and files (working directory /work) persist between calls that pass the same
    session_id, and execute_bash sees the same files. Top-level await works, and so do display(),
    !command, %pip and %%bash. numpy, pandas, matplotlib and pytest are installed; figures and
    tables are shown. {network} A session is deleted {idle} after its last call, at the latest {age}
    after its first.

    Code that fails is a normal result: its first line says how, and whether variables were kept.
    Long output is cut; the whole is kept in a file.
    """
    context = ctx.request_context.lifespan_context
    code, note = await admitted(context, Program("code", code))
    arguments = {"code": code}
    if background:
        return await begin(ctx, session_id, "python", arguments, timeout, note)
    seconds = call_seconds(context, timeout)
    with reported_to_model():
        session = await session_for(ctx, session_id)
        async with progress_to(ctx, seconds) as on_stream:
            execution = await session.run("python", arguments, timeout=seconds, on_stream=on_stream)
    await context.updates.changed(session, (file.path for file in execution.files))
    empty = not code.strip()
    told = rendered(execution, session, ctx, timeout=seconds, note=note, empty=empty)
    return result_for(ctx, told)
