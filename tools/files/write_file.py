import base64 as coding
import binascii
from typing import Annotated

from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ToolError
from mcp.types import CallToolResult, TextContent
from pydantic import Field

from bellglass.sandboxes.files import MAX_PATH_CHARACTERS, shown, write_part
from bellglass.tools.arguments import EarlierSession
from bellglass.tools.context import ToolContext
from bellglass.tools.errors import reported_to_model
from bellglass.tools.execute.changed_files import size_of
from bellglass.tools.files.addresses import file_uri
from bellglass.tools.files.session_files import FILE
from bellglass.tools.sessions.session_resolver import session_for

MAX_TEXT_CHARACTERS = 1_000_000
MAX_BASE64_CHARACTERS = 3_000_000


async def write_file(
    path: Annotated[str, Field(max_length=MAX_PATH_CHARACTERS)],
    ctx: Context[ToolContext],
    text: Annotated[str | None, Field(max_length=MAX_TEXT_CHARACTERS)] = None,
    base64: Annotated[str | None, Field(max_length=MAX_BASE64_CHARACTERS)] = None,
    offset: Annotated[
        int, Field(ge=0, le=1 << 50, description="Of a later part: bytes written so far.")
    ] = 0,
    session_id: EarlierSession = None,
) -> CallToolResult:
    """Create or replace a file in /work, with its folders. Better than a heredoc.

    Give text, or base64 for binary data; large files in parts.
    """
    with reported_to_model():
        data = _data(text, base64)
        session = await session_for(ctx, session_id)
        written = await write_part(session, path, data, offset)
    await ctx.request_context.lifespan_context.updates.changed(session, [path])
    done = "Those bytes were there already; nothing was added to" if written.repeated else "Wrote"
    following = f"; the next part has offset={written.size}" if offset else ""
    lines = [
        f"{done} {shown(path)} ({size_of(written.size)}{following}).",
        f"session_id: {session.id}",
    ]
    record = {
        "session_id": session.id,
        "path": path,
        "uri": file_uri(session.id, path),
        **written.model_dump(),
    }
    return CallToolResult(
        content=[TextContent(type="text", text="\n".join(lines))],
        _meta={FILE: record},
    )


def _data(text: str | None, base64: str | None) -> bytes:
    if (text is None) == (base64 is None):
        raise ToolError("Pass either text or base64; text='' makes an empty file.")
    if text is not None:
        return text.encode()
    try:
        return coding.b64decode("".join((base64 or "").split()), validate=True)
    except (binascii.Error, ValueError) as exc:
        raise ToolError(f"base64 cannot be decoded: {exc}. Nothing was written.") from exc
