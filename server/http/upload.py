"""Serve PUT of /files/: a whole file, or ranges of it, which may be repeated."""

import contextlib
import hashlib
import re
from typing import Any, NamedTuple
from urllib.parse import quote

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse
from starlette.types import Send

from bellglass.sandboxes.common.limits import MAX_PART_BYTES
from bellglass.sandboxes.errors import SandboxError
from bellglass.sandboxes.files import FileRefused, Upload
from bellglass.sandboxes.sessions.session import Session
from bellglass.server.http.guard import FILES
from bellglass.server.http.replies import WrongRequest
from bellglass.tools.context import ToolContext

_CONTENT_RANGE = re.compile(r"bytes (?:(\d{1,15})-(\d{1,15})|\*)/(\d{1,15})")


class _Wanted(NamedTuple):
    """The content of a PUT: a whole file, or a range of it."""

    first: int
    end: int | None
    """Position after its last byte, if known."""
    total: int | None
    """Size of the whole file, if known."""
    resumable: bool
    """Received bytes are kept if the client disconnects."""
    asks: bool = False
    """It has no content, and asks how much has been received."""


async def upload(
    request: Request, context: ToolContext, session: Session, path: str, send: Send
) -> None:
    """Write the body of `request` to the file `path`, and report how much has been received.

    Raises:
        WrongRequest, FileRefused, SandboxError: It is refused. Received bytes are deleted, unless
            the upload can be resumed.
    """
    wanted, transfer = _wanted(request), Upload(session, path)
    if wanted.asks:
        about: dict[str, Any] = {"session_id": session.id, "size": await transfer.stat()}
        response = JSONResponse(about, status_code=202)
    else:
        size, digest = await _taken(request, transfer, wanted)
        if wanted.total is not None and size < wanted.total:
            response = JSONResponse({"session_id": session.id, "size": size}, status_code=202)
        else:
            expected = request.query_params.get("sha256", digest)
            written = await transfer.commit(size, expected)
            await context.updates.changed(session, [path])
            about = {"session_id": session.id, "path": path}
            about |= {"size": written.size, "sha256": written.sha256}
            response = JSONResponse(about, status_code=201)
    response.headers["location"] = f"{FILES}{session.id}/{quote(path)}"
    await response(request.scope, request.receive, send)


def _wanted(request: Request) -> _Wanted:
    given = request.headers.get("content-range")
    length = request.headers.get("content-length", "")
    declared = int(length) if length.isdecimal() else None
    if given is None:
        return _Wanted(0, declared, declared, False)
    match = _CONTENT_RANGE.fullmatch(given)
    if match is None:
        raise WrongRequest("Say which part it is, such as: Content-Range: bytes 0-999/5000.")
    total = int(match[3])
    if match[1] is None:
        return _Wanted(0, 0, total, True, asks=True)
    first, end = int(match[1]), int(match[2]) + 1
    if not first < end <= total:
        raise WrongRequest(f"The range {given} does not lie in a file of {total:,} bytes.")
    if declared not in (None, end - first):
        raise WrongRequest(f"The range has {end - first:,} bytes, and the body {declared:,}.")
    return _Wanted(first, end, total, True)


async def _taken(request: Request, transfer: Upload, wanted: _Wanted) -> tuple[int, str | None]:
    """Write the body in parts; return the size, and the checksum if the file is complete."""
    size, waiting = wanted.first, bytearray()
    came, digest = wanted.first, hashlib.sha256()
    try:
        if size == 0:
            await transfer.begin()
        async for piece in request.stream():
            came += len(piece)
            if wanted.end is not None and came > wanted.end:
                raise WrongRequest(f"The body is longer than the announced {wanted.end:,} bytes.")
            digest.update(piece)
            waiting += piece
            if len(waiting) >= MAX_PART_BYTES - (1 << 18):
                size = await _put(transfer, waiting, size)
        size = await _put(transfer, waiting, size)
    except (ClientDisconnect, FileRefused, WrongRequest) as exc:
        if not wanted.resumable:
            with contextlib.suppress(
                SandboxError
            ):  # if the session is gone, so is the partial file
                await transfer.abort()
        elif isinstance(exc, ClientDisconnect):
            await _put(transfer, waiting, size)
        raise
    return size, digest.hexdigest() if wanted.first == 0 else None


async def _put(transfer: Upload, waiting: bytearray, size: int) -> int:
    for at in range(0, len(waiting), MAX_PART_BYTES):
        size = await transfer.append(bytes(waiting[at : at + MAX_PART_BYTES]), size)
    waiting.clear()
    return size
