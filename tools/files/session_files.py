"""Files of a session as resources: their URIs, and the contents that a client reads."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from mcp.server.lowlevel.helper_types import ReadResourceContents
from mcp.server.mcpserver import authenticated_principal
from mcp.server.mcpserver.exceptions import ResourceNotFoundError

from bellglass.sandboxes.errors import SandboxError
from bellglass.sandboxes.files import Part, read_part
from bellglass.tools.files.addresses import FILES, OUTPUT, OUTPUT_FOLDER
from bellglass.tools.files.mime_types import mime_type_of
from bellglass.tools.sessions.session_resolver import owner_of

if TYPE_CHECKING:
    from mcp.server.context import ServerRequestContext
    from mcp.server.mcpserver import Context

    from bellglass.tools.context import ToolContext

PART_BYTES = 600_000
"""Bytes of one answer: in base64 below the 900 kB that clients accept."""

MAX_TEXT_JSON_BYTES = 850_000
"""Bytes of a text as JSON; a part that needs more because of escapes is sent in base64."""

PART = "bellglass/part"
FILE = "bellglass/file"


def address_of(uri: str, ctx: ServerRequestContext[ToolContext, Any]) -> tuple[str, str] | None:
    """Return the session and the path of `uri`; None if it is not a file's.

    Raises:
        SandboxError: The session does not exist, or is not the caller's.
    """
    named = FILES.match(uri) or OUTPUT.match(uri)
    if named is None:
        return None
    session_id, name = named["session_id"], named.get("path") or f"{OUTPUT_FOLDER}/{named['name']}"
    ctx.lifespan_context.sessions.get(str(session_id), authenticated_principal(ctx))
    return str(session_id), str(name)


async def read(uri: str, ctx: Context[ToolContext]) -> list[ReadResourceContents] | None:
    """Return the file at `uri`, or its part from `offset` on; None if it is not a file's.

    For a file longer than a part, `_meta` says which part it is and names the next one; a second
    text says so to a person.

    Raises:
        ResourceError: The session or the file does not exist, or cannot be read.
    """
    named = FILES.match(uri) or OUTPUT.match(uri)
    if named is None:
        return None
    # URIs of our files have no lists.
    parts = {key: value for key, value in named.items() if isinstance(value, str)}
    path = parts.get("path") or f"{OUTPUT_FOLDER}/{parts.get('name')}"
    offset = _checked(path, parts)
    request = ctx.request_context
    sessions = request.lifespan_context.sessions
    try:
        session = await sessions.find(parts["session_id"], owner_of(request))
        part = await read_part(session, path, offset, PART_BYTES)
    except SandboxError as exc:
        raise ResourceNotFoundError(str(exc)) from exc
    return _contents(uri, path, offset, part)


def _checked(path: str, parts: dict[str, str]) -> int:
    """Return the requested offset; refuse an invalid offset or path."""
    absolute = "path" in parts and path.startswith("/")
    if absolute or "\0" in path or ".." in path.split("/") or "/" in parts.get("name", ""):
        raise ResourceNotFoundError(
            "A file is named by its path below the working directory, without '..'."
        )
    offset = parts.get("offset", "0")
    if not (offset.isascii() and offset.isdecimal() and len(offset) <= 15):
        raise ResourceNotFoundError("The offset must be a number of bytes, such as ?offset=600000.")
    return int(offset)


def _contents(uri: str, path: str, offset: int, part: Part) -> list[ReadResourceContents]:
    data = part.data
    text = text_of(data, last=offset + len(data) >= part.size)
    if text is not None:
        data = text.encode()
    end = offset + len(data)
    kind = mime_type_of(path)
    if end >= part.size and offset == 0:
        return [_content(data, text, kind, None)]
    about: dict[str, str | int] = {"offset": offset, "bytes": len(data), "size": part.size}
    contents = [_content(data, text, kind, {PART: about})]
    if end < part.size and data:
        about["next"] = f"{uri.partition('?')[0]}?offset={end}"
        told = f"[Bytes {offset:,} to {end:,} of {part.size:,}. Read on at {about['next']}]"
        contents.append(ReadResourceContents(content=told, mime_type="text/plain"))
    return contents


def _content(
    data: bytes, text: str | None, kind: str | None, meta: dict[str, object] | None
) -> ReadResourceContents:
    if text is None:
        return ReadResourceContents(data, kind or "application/octet-stream", meta)
    return ReadResourceContents(text, kind or "text/plain", meta)


def text_of(data: bytes, *, last: bool) -> str | None:
    """Return `data` as text, without an incomplete last character; None if it is not text."""
    for cut in range(1 if last else 4):
        try:
            text = data[: len(data) - cut].decode()
        except UnicodeDecodeError:
            continue
        if "\0" in text or len(json.dumps(text, ensure_ascii=False).encode()) > MAX_TEXT_JSON_BYTES:
            return None
        return text
    return None
