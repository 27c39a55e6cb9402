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


async def execute_python(
    code: Annotated[str, Field(max_length=MAX_CODE_CHARACTERS)],
    ctx: Context[ToolContext],
    session_id: SessionId = None,
    timeout: RunTimeout = None,
    background: Background = False,
) -> CallToolResult:
    """Run Python in an isolated sandbox and see what happens.

    Use it to compute, analyse data, draw plots and try code instead of guessing. Returns what was
    printed, the value of the last expression, figures as images, and which files were made.
    Variables, imports and files stay for later calls with the same session_id; execute_bash sees
    the same files. The working directory is /work. As in a notebook, top-level await, display(),
    !command, %pip and %%bash work. {packages} {network}

    Code that fails is a normal result: its first line says how, then come the failing line, the
    values on it and a hint. Long output is cut, and the result says how to read the rest. A session
    ends {idle} after its last call, at the latest {age} after its first.
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
    saved = await save(execution, session, context.save_to)
    empty = not code.strip()
    told = rendered(execution, session, ctx, timeout=seconds, note=note, empty=empty, saved=saved)
    return result_for(ctx, told)
