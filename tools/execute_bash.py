from typing import Annotated

from mcp.server.mcpserver import Context
from mcp.types import CallToolResult
from pydantic import Field

from bellglass.tools.admission import admitted
from bellglass.tools.arguments import MAX_CODE, SessionId, Timeout
from bellglass.tools.conversation import session_for
from bellglass.tools.errors import reported_to_model
from bellglass.tools.policy import Program
from bellglass.tools.progress import progress_to
from bellglass.tools.rendering import rendered
from bellglass.tools.workbench import Workbench


async def execute_bash(
    command: Annotated[str, Field(max_length=MAX_CODE, description="One or more lines.")],
    ctx: Context[Workbench],
    session_id: SessionId = None,
    timeout: Timeout = None,
) -> CallToolResult:
    """Run a Bash command in a sandbox and return its output.

    Working directory, exported variables, functions and files persist between calls that pass the
    same session_id; execute_python sees the same files. No root, and no programs beyond the base
    system. {network} A session is deleted {idle} after its last call, at the latest {age} after its
    first.

    A command that fails is a normal result: its first line gives the exit code, signal or limit.
    What still runs when the command returns is ended.
    """
    bench = ctx.request_context.lifespan_context
    command, note = await admitted(bench, Program("command", command, "bash"))
    seconds = timeout or bench.timeout_seconds
    with reported_to_model():
        session = await session_for(ctx, session_id)
        execution = await session.run(
            "bash", {"command": command}, timeout=seconds, on_stream=progress_to(ctx, seconds)
        )
    await bench.updates.changed(session, (file.path for file in execution.files))
    return rendered(execution, session, ctx, timeout=seconds, note=note, empty=not command.strip())
