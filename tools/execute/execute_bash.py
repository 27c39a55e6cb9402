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
from bellglass.tools.execute.saving import save
from bellglass.tools.execute.start_background import begin, call_seconds
from bellglass.tools.policy import Program
from bellglass.tools.progress import progress_to
from bellglass.tools.sessions.session_resolver import session_for


async def execute_bash(
    command: Annotated[str, Field(max_length=MAX_CODE_CHARACTERS)],
    ctx: Context[ToolContext],
    session_id: SessionId = None,
    timeout: RunTimeout = None,
    background: Background = False,
) -> CallToolResult:
    """Run a Bash command in the sandbox of execute_python: same files, same session_id.

    The current directory, variables, functions and options (not set -e, -u, -x) stay for later
    calls. Ordinary user, no sudo. {programs} {network}

    A command that fails is a normal result: its first line gives the exit code, signal or time
    limit. Processes that still run when it returns are stopped{kept}.
    """
    context = ctx.request_context.lifespan_context
    command, note = await admitted(context, Program("command", command, "bash"))
    arguments = {"command": command}
    if background:
        return await begin(ctx, session_id, "bash", arguments, timeout, note)
    seconds = call_seconds(context, timeout)
    with reported_to_model():
        session = await session_for(ctx, session_id)
        async with progress_to(ctx, seconds) as on_stream:
            execution = await session.run("bash", arguments, timeout=seconds, on_stream=on_stream)
    await context.updates.changed(session, (file.path for file in execution.files))
    saved = await save(execution, session, context.save_to)
    told = rendered(
        execution,
        session,
        ctx,
        timeout=seconds,
        note=note,
        command=command,
        empty=not command.strip(),
        saved=saved,
    )
    return result_for(ctx, told)
