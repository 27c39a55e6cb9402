"""Files of sessions over HTTP, for what is too large for a message: /files/{session_id}/{path}.

GET (with Range), HEAD, PUT, and POST, which is PUT for clients that have no other; POST to
/files/new/{path} starts a session. Everything goes in parts, so that a file costs the server the
memory of one part. Errors are JSON, in the words of the tools.
"""

import contextlib
import hashlib
import mimetypes
import posixpath
import re
from collections.abc import Callable
from typing import Any, NamedTuple
from urllib.parse import quote

import anyio
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from bellglass.sandboxes.errors import SandboxError, SessionNotFound
from bellglass.sandboxes.files import PART_BYTES, FileRefused, Part, Written, read_part, write_part
from bellglass.sandboxes.session import Session
from bellglass.server.http_guard import FILES
from bellglass.tools.conversation import owner_of_request
from bellglass.tools.workbench import Workbench

NEW = "new"

HARMLESS = {
    # A page that code wrote must not become a page of this server, which may call its tools.
    "content-security-policy": "sandbox; default-src 'none'",
    "content-disposition": "attachment",
    "x-content-type-options": "nosniff",
    "cache-control": "no-store",
}

_RANGE = re.compile(r"bytes=(\d{0,15})-(\d{0,15})")
_CONTENT_RANGE = re.compile(r"bytes (?:(\d{1,15})-(\d{1,15})|\*)/(\d{1,15})")

STATUS = {"missing": 404, "full": 507, "offset": 409, "unsupported": 501}
"""Of the kinds of refusal; any other is 403."""


class WrongRequest(Exception):
    """A request that cannot be served as it is; its text is for the client."""


class FileRoutes:
    """Serves files of sessions, and leaves every other path to `app`."""

    def __init__(self, app: ASGIApp, bench: Callable[[], Workbench | None]) -> None:
        self._app = app
        self._bench = bench

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith(FILES):
            await self._app(scope, receive, send)
            return
        request = Request(scope, receive)
        try:
            await self._serve(request, send)
        except ClientDisconnect:
            pass  # there is nobody to be told
        except WrongRequest as exc:
            await _error(400, str(exc))(scope, receive, send)
        except FileRefused as exc:
            status = STATUS.get(exc.kind or "", 403)
            size = {"size": exc.size} if exc.kind == "offset" else {}
            await _error(status, str(exc), **size)(scope, receive, send)
        except SessionNotFound as exc:
            await _error(404, str(exc))(scope, receive, send)
        except SandboxError as exc:
            await _error(503, str(exc))(scope, receive, send)

    async def _serve(self, request: Request, send: Send) -> None:
        bench = self._bench()
        assert bench is not None  # requests come while the server serves
        session_id, _, path = request.scope["path"].removeprefix(FILES).partition("/")
        method = request.method
        owner = owner_of_request()
        if method not in ("GET", "HEAD", "PUT", "POST"):
            response: Response = _error(405, "Use GET, HEAD, PUT or POST.")
            response.headers["allow"] = "GET, HEAD, PUT, POST"
            await response(request.scope, request.receive, send)
        elif method in ("GET", "HEAD"):
            session = await bench.sessions.find(session_id, owner)
            await _download(request, session, path or ".", send)
        elif session_id == NEW and method == "POST":
            session = await bench.sessions.open(owner)
            await _upload(request, bench, session, path, send)
        else:
            session = await bench.sessions.find(session_id, owner)
            await _upload(request, bench, session, path, send)


# --- from a session


async def _download(request: Request, session: Session, path: str, send: Send) -> None:
    first, last = _range_of(request)
    head = request.method == "HEAD"
    most = 0 if head else PART_BYTES if last is None else min(last - first + 1, PART_BYTES)
    part = await read_part(session, path, first, most, folders=True)
    if part.entries is not None:
        entries = [{"name": name, "bytes": size} for name, size in part.entries]
        listing = {"entries": entries, "offset": part.offset, "total": part.size}
        await JSONResponse(listing, headers=HARMLESS)(request.scope, request.receive, send)
        return
    etag = f'"{part.stamp}"'
    wanted = request.headers.get("if-range", request.headers.get("if-match", etag))
    if wanted != etag:
        reason = f"{posixpath.basename(path)} is another file by now. Start over, without a range."
        await _error(412, reason)(request.scope, request.receive, send)
        return
    end = part.size if last is None else min(last + 1, part.size)
    ranged = "range" in request.headers
    if ranged and part.offset >= part.size > 0:
        response = _error(416, f"The file has {part.size:,} bytes.")
        response.headers["content-range"] = f"bytes */{part.size}"
        await response(request.scope, request.receive, send)
        return
    headers = {
        **HARMLESS,
        "content-disposition": f"attachment; filename*=UTF-8''{quote(posixpath.basename(path))}",
        "content-type": mimetypes.guess_type(path)[0] or "application/octet-stream",
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
    """Send a file up to `end`, beginning with the part that is there."""
    stamp, at = part.stamp, part.offset
    while True:
        at += len(part.data)
        more = at < end
        await send({"type": "http.response.body", "body": part.data, "more_body": more})
        if not more:
            return
        try:
            part = await read_part(session, path, at, min(PART_BYTES, end - at))
        except SandboxError:
            return  # the connection is closed in the middle, and so the client knows
        if part.stamp != stamp or not part.data:
            return  # another file by now: half of each would be neither


async def _cancel_when_left(receive: Receive, scope: anyio.CancelScope) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    scope.cancel()


def _range_of(request: Request) -> tuple[int, int | None]:
    """Return the first byte asked for, negative if it counts from the end, and the last."""
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


# --- to a session


class _Wanted(NamedTuple):
    """What a PUT brings: all of a file, or a range of it."""

    first: int
    total: int | None
    """Of the whole file, where that is known."""
    resumable: bool
    """What has come is kept when the client leaves."""
    asks: bool = False
    """It brings nothing, and asks how much is there."""


async def _upload(
    request: Request, bench: Workbench, session: Session, path: str, send: Send
) -> None:
    wanted = _wanted(request)
    if wanted.asks:
        about: dict[str, Any] = {"session_id": session.id, "size": await _uploaded(session, path)}
        response = JSONResponse(about, status_code=202)
    else:
        size, digest = await _taken(request, session, path, wanted)
        if wanted.total is not None and size < wanted.total:
            response = JSONResponse({"session_id": session.id, "size": size}, status_code=202)
        else:
            written = await _finish(session, path, size, wanted, digest, request)
            await bench.updates.changed(session, [path])
            about = {"session_id": session.id, "path": path}
            about |= {"size": written.size, "sha256": written.sha256}
            response = JSONResponse(about, status_code=201)
    response.headers["location"] = f"{FILES}{session.id}/{quote(path)}"
    await response(request.scope, request.receive, send)


def _wanted(request: Request) -> _Wanted:
    given = request.headers.get("content-range")
    length = request.headers.get("content-length", "")
    if given is None:
        return _Wanted(0, int(length) if length.isdecimal() else None, False)
    match = _CONTENT_RANGE.fullmatch(given)
    if match is None:
        raise WrongRequest("Say which part it is, such as: Content-Range: bytes 0-999/5000.")
    total = int(match[3])
    if match[1] is None:
        return _Wanted(0, total, True, asks=True)
    return _Wanted(int(match[1]), total, True)


async def _uploaded(session: Session, path: str) -> int:
    """Return how much of an upload is there."""
    try:
        return (await write_part(session, path, b"", 1 << 50, upload=True)).size
    except FileRefused as exc:
        if exc.kind in ("offset", "missing"):
            return exc.size
        raise


async def _taken(
    request: Request, session: Session, path: str, wanted: _Wanted
) -> tuple[int, str | None]:
    """Write the body in parts; return the size by then, and the checksum if it is all of it."""
    size, waiting = wanted.first, bytearray()
    digest = hashlib.sha256()
    try:
        if size == 0:
            await write_part(session, path, b"", upload=True)
        async for piece in request.stream():
            digest.update(piece)
            waiting += piece
            if len(waiting) >= PART_BYTES - (1 << 18):
                size = await _put(session, path, waiting, size)
        size = await _put(session, path, waiting, size)
    except (ClientDisconnect, FileRefused) as exc:
        if not wanted.resumable:
            await _abandon(session, path)
        elif isinstance(exc, ClientDisconnect):
            await _put(session, path, waiting, size)
        raise
    return size, digest.hexdigest() if wanted.first == 0 else None


async def _put(session: Session, path: str, waiting: bytearray, size: int) -> int:
    for at in range(0, len(waiting), PART_BYTES):
        part = bytes(waiting[at : at + PART_BYTES])
        size = (await write_part(session, path, part, size, upload=True, more=True)).size
    waiting.clear()
    return size


async def _finish(
    session: Session, path: str, size: int, wanted: _Wanted, digest: str | None, request: Request
) -> Written:
    if wanted.total is not None and size > wanted.total:
        await _abandon(session, path)
        raise WrongRequest(f"More came than the {wanted.total:,} bytes that were announced.")
    expected = request.query_params.get("sha256", digest)
    return await write_part(session, path, b"", size, upload=True, finish=True, sha256=expected)


async def _abandon(session: Session, path: str) -> None:
    with contextlib.suppress(SandboxError):  # with the session, what came is gone too
        await write_part(session, path, b"", upload=True, abandon=True)


def _error(status: int, text: str, **more: int) -> JSONResponse:
    return JSONResponse({"error": text, **more}, status_code=status)
