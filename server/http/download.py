"""Serve GET of /files/: a file, a range of it, or the names in a directory."""

import posixpath
import re
from urllib.parse import quote

import anyio
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import Receive, Send

from bellglass.sandboxes.common.limits import MAX_PART_BYTES
from bellglass.sandboxes.errors import SandboxError
from bellglass.sandboxes.files import Part, read_part
from bellglass.sandboxes.sessions.session import Session
from bellglass.server.http.replies import WrongRequest, error
from bellglass.tools.files.mime_types import mime_type_of

HARMLESS = {
    # An HTML page that code wrote must not run with this server's origin, which may call its tools.
    "content-security-policy": "sandbox; default-src 'none'",
    "content-disposition": "attachment",
    "x-content-type-options": "nosniff",
    "cache-control": "no-store",
}

_RANGE = re.compile(r"bytes=(\d{0,15})-(\d{0,15})")
_LAST_OF_NONE = "bytes=-0"  # well-formed, and never satisfiable (RFC 9110, 14.1.2)


async def download(request: Request, session: Session, path: str, send: Send) -> None:
    """Answer GET or HEAD of `path`: with the file in parts, or with the names in a directory.

    Raises:
        WrongRequest, FileRefused, SandboxError: There is nothing to send.
    """
    first, last = _range_of(request)
    head = request.method == "HEAD"
    most = 0 if head else MAX_PART_BYTES if last is None else min(last - first + 1, MAX_PART_BYTES)
    part = await read_part(session, path, first, most, folders=True)
    if part.entries is not None:
        entries = [{"name": name, "bytes": size} for name, size in part.entries]
        listing = {"entries": entries, "offset": part.offset, "total": part.size}
        await JSONResponse(listing, headers=HARMLESS)(request.scope, request.receive, send)
        return
    etag = f'"{part.stamp}"'
    wanted = request.headers.get("if-range", request.headers.get("if-match", etag))
    if wanted != etag:
        reason = f"{posixpath.basename(path)} has changed. Start over, without a range."
        await error(412, reason)(request.scope, request.receive, send)
        return
    end = part.size if last is None else min(last + 1, part.size)
    ranged = "range" in request.headers
    if ranged and (part.offset >= part.size or request.headers["range"] == _LAST_OF_NONE):
        response = error(416, f"The file has {part.size:,} bytes.")
        response.headers["content-range"] = f"bytes */{part.size}"
        await response(request.scope, request.receive, send)
        return
    headers = {
        **HARMLESS,
        "content-disposition": f"attachment; filename*=UTF-8''{quote(posixpath.basename(path))}",
        "content-type": mime_type_of(path) or "application/octet-stream",
        "content-length": str(max(0, end - part.offset)),
        "accept-ranges": "bytes",
        "etag": etag,
    }
    if ranged:
        headers["content-range"] = f"bytes {part.offset}-{end - 1}/{part.size}"
    await send(
        {
            "type": "http.response.start",
            "status": 206 if ranged else 200,
            "headers": Headers(headers).raw,
        }
    )
    if head:
        await send({"type": "http.response.body", "body": b""})
        return
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(_cancel_when_left, request.receive, tasks.cancel_scope)
        await _send_parts(session, path, part, end, send)
        tasks.cancel_scope.cancel()


async def _send_parts(session: Session, path: str, part: Part, end: int, send: Send) -> None:
    """Send a file up to `end`, beginning with the part that was read already."""
    stamp, at = part.stamp, part.offset
    while True:
        at += len(part.data)
        more = at < end
        await send({"type": "http.response.body", "body": part.data, "more_body": more})
        if not more:
            return
        try:
            part = await read_part(session, path, at, min(MAX_PART_BYTES, end - at))
        except SandboxError:
            return  # the response is cut off, so the client notices
        if part.stamp != stamp or not part.data:
            return  # the file has changed, and a mix of both versions would be wrong


async def _cancel_when_left(receive: Receive, scope: anyio.CancelScope) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    scope.cancel()


def _range_of(request: Request) -> tuple[int, int | None]:
    """Return the first requested byte, negative if it counts from the end, and the last one."""
    if (given := request.headers.get("range")) is not None:
        match = _RANGE.fullmatch(given)
        if match is None or match[0] == "bytes=-":
            raise WrongRequest("Ask for one range, such as: Range: bytes=1000-1999.")
        if not match[1]:
            return -int(match[2]), None
        first, last = int(match[1]), int(match[2]) if match[2] else None
        if last is not None and last < first:
            raise WrongRequest("The range ends before it begins.")
        return first, last
    offset = request.query_params.get("offset", "0")
    if not (offset.isascii() and offset.isdecimal() and len(offset) <= 15):
        raise WrongRequest("The offset must be a number of bytes, such as ?offset=600000.")
    return int(offset), None
