import base64 as coding
from typing import Annotated

from mcp.server.mcpserver import Context
from mcp.types import CallToolResult, ContentBlock, ImageContent, ResourceLink, TextContent
from pydantic import Field

from bellglass.sandboxes.files import MAX_PATH_CHARACTERS, Part, read_part, shown
from bellglass.tools.arguments import EarlierSession
from bellglass.tools.context import ToolContext
from bellglass.tools.errors import reported_to_model
from bellglass.tools.execute.changed_files import size_of
from bellglass.tools.files.addresses import file_uri
from bellglass.tools.files.links import takes_links
from bellglass.tools.files.mime_types import mime_type_of
from bellglass.tools.files.session_files import FILE, text_of
from bellglass.tools.lent_folders import mode_of
from bellglass.tools.sessions.session_resolver import known_session_for, session_for

MAX_TEXT_BYTES = 100_000
"""Bytes of a part at most, if an operator has set a large output limit."""

MAX_BASE64_BYTES = 450_000
"""Bytes of a part that is sent in base64."""

MAX_LIST_CHARACTERS = 20_000

MAX_IMAGE_BYTES = 600_000
"""Bytes of a picture that is shown: in base64 below what clients accept."""

PICTURES = {
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
    b"GIF8": "image/gif",
    b"RIFF": "image/webp",
}


async def read_file(
    path: Annotated[str, Field(max_length=MAX_PATH_CHARACTERS)],
    ctx: Context[ToolContext],
    session_id: EarlierSession = None,
    offset: Annotated[
        int, Field(ge=-(1 << 50), le=1 << 50, description="Negative: from the end.")
    ] = 0,
    base64: Annotated[bool, Field(description="For programs.")] = False,
) -> CallToolResult:
    """Read a file of the session: text, an image as a picture, a folder as a list.

    Long text comes in parts: pass the offset that the result names. Paths are relative to /work;
    /tmp{lent} works too, as for output that was cut.
    """
    request = ctx.request_context
    context = request.lifespan_context
    most = MAX_BASE64_BYTES if base64 else min(context.limits.output_bytes, MAX_TEXT_BYTES)
    with reported_to_model():
        # Every session has the lent folders, so a call may begin with them.
        find = session_for if mode_of(path, context.folders) else known_session_for
        session = await find(ctx, session_id)
        wanted = MAX_IMAGE_BYTES if offset == 0 else most
        part = await read_part(session, path, offset, wanted, folders=True)
    if part.entries is not None:
        blocks, read = _listing(path, part, mode_of(path, context.folders))
    elif not base64 and (picture := _picture(part)) is not None:
        blocks, read = [picture], len(part.data)
    else:
        blocks, read = _shown(path, part, most, base64)
    end = part.offset + read
    if not read and part.size and takes_links(request):
        kind = mime_type_of(path) or "application/octet-stream"
        uri = file_uri(session.id, path)
        blocks.append(ResourceLink(name=shown(path), uri=uri, mime_type=kind, size=part.size))
    blocks.append(TextContent(type="text", text=f"session_id: {session.id}"))
    record = {
        "session_id": session.id,
        "path": path,
        "uri": file_uri(session.id, path),
        "offset": part.offset,
        "bytes": read,
        "size": part.size,
        "next": end if end < part.size and read else None,
    }
    return CallToolResult(content=blocks, _meta={FILE: record})


def _picture(part: Part) -> ImageContent | None:
    """Return the file as an image, if it is one and the part is all of it."""
    kind = _kind_of_picture(part.data)
    if kind is None or part.offset or len(part.data) < part.size:
        return None
    return ImageContent(type="image", data=coding.b64encode(part.data).decode(), mime_type=kind)


def _kind_of_picture(data: bytes) -> str | None:
    for magic, kind in PICTURES.items():
        if data.startswith(magic) and (magic != b"RIFF" or data[8:12] == b"WEBP"):
            return kind
    return None


def _shown(path: str, part: Part, most: int, base64: bool) -> tuple[list[ContentBlock], int]:
    data = part.data[:most]
    whole = part.offset + len(data) >= part.size
    if base64:
        body = coding.b64encode(data).decode()
    else:
        text = text_of(data, last=whole)
        if text is None:
            return [_text(_why_not_shown(path, part))], 0
        if not whole and (cut := text.rfind("\n") + 1) > len(text) // 2:
            text = text[:cut]  # at the end of a line, if there is one
        data, body = text.encode(), text
    end = part.offset + len(data)
    if part.size == 0:
        about = f"[{shown(path)} is empty.]"
    elif part.offset >= part.size:
        about = f"[{shown(path)} ends at byte {part.size:,}.]"
    else:
        about = f"[{shown(path)}: bytes {part.offset:,} to {end:,} of {part.size:,}"
        about += f"; next: offset={end}]" if end < part.size else "]"
    return [_text(body), _text(about)], len(data)


def _why_not_shown(path: str, part: Part) -> str:
    kind = _kind_of_picture(part.data)
    if kind is not None and part.offset == 0:
        return (
            f"{shown(path)} is a picture ({kind}) of {size_of(part.size)}, too large to be shown. "
            "Save a smaller one with execute_python and read that."
        )
    kind = mime_type_of(path) or "no text in UTF-8"
    return (
        f"{shown(path)} ({kind}, {size_of(part.size)}) is not shown as text. "
        "Look into it with execute_python, or pass base64=true for its bytes."
    )


def _listing(path: str, part: Part, lent: str) -> tuple[list[ContentBlock], int]:
    lines: list[str] = []
    room = MAX_LIST_CHARACTERS
    for name, size in part.entries or []:
        line = shown(name, 255) if name.endswith("/") else f"{shown(name, 255)}  {size_of(size)}"
        room -= len(line)
        if lines and room < 0:
            break
        lines.append(line)
    end = part.offset + len(lines)
    about = f"[{shown(path)}: {part.size:,} entries{f' {lent}' if lent else ''}"
    if end < part.size:
        about += f", {part.offset:,} to {end:,} shown; next: offset={end}"
    return [_text("\n".join(lines)), _text(f"{about}]")], len(lines)


def _text(text: str) -> TextContent:
    return TextContent(type="text", text=text)
