"""Serve commands of the same user: list sessions, and run jobs that read and write their files.

A message is a frame of `wire/framing` in either direction. Each connection sends one request after
the other: `{"do": ...}`, answered by an object, or by `{"error": text}`.
"""

import logging
import os
import socket
import struct
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import anyio
from anyio.abc import SocketAttribute, SocketStream
from anyio.streams.buffered import BufferedByteReceiveStream

from bellglass.sandboxes.errors import SandboxError
from bellglass.sandboxes.wire.framing import (
    HEADER_BYTES,
    MAX_REQUEST_BYTES,
    body_bytes,
    encode,
    loads,
)
from bellglass.server.control.sockets import own_socket
from bellglass.tools.context import ToolContext

logger = logging.getLogger(__name__)

JOBS = ("read", "write", "changes")
"""What a command may have run in a session: no code."""

_CREDENTIALS = struct.Struct("3i")  # struct ucred: pid, uid, gid


class Control:
    """Answers the commands of one user about the sessions of one server."""

    def __init__(self, context: Callable[[], ToolContext | None]) -> None:
        """`context` returns the server's, or None before it serves."""
        self._context = context
        self._applied: dict[str, dict[str, list[int]]] = {}
        """For each session, inode and time of change of the files that were applied."""

    async def serve(self) -> None:
        """Listen until cancelled. Without a place for the socket there is none, and a log line."""
        try:
            path = own_socket()
            listener = await anyio.create_unix_listener(path, mode=0o600)
        except OSError as exc:
            logger.info("Commands such as `bellglass diff` cannot reach this server: %s", exc)
            return
        try:
            async with listener:
                await listener.serve(self._serve_one)
        finally:
            path.unlink(missing_ok=True)

    async def _serve_one(self, stream: SocketStream) -> None:
        async with stream:
            raw = stream.extra(SocketAttribute.raw_socket)
            credentials = raw.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
            if _CREDENTIALS.unpack(credentials)[1] not in (0, os.geteuid()):
                return
            received = BufferedByteReceiveStream(stream)
            try:
                while True:
                    header = await received.receive_exactly(HEADER_BYTES)
                    size = body_bytes(header, MAX_REQUEST_BYTES)
                    request = loads(await received.receive_exactly(size))
                    await stream.send(encode(await self._answer(request)))
            except (anyio.EndOfStream, anyio.IncompleteRead, anyio.BrokenResourceError):
                pass  # the command has ended
            except (ValueError, RecursionError):
                pass  # it is none of ours

    async def _answer(self, request: Any) -> dict[str, Any]:
        context = self._context()
        if context is None or not isinstance(request, dict):
            return {"error": "the server is not ready, or the request is no object"}
        try:
            match request:
                case {"do": "list"}:
                    return self._listed(context)
                case {"do": "job", "session_id": str(name), "job": str(job)} if job in JOBS:
                    return await self._run(context, name, job, request)
                case {"do": "applied", "session_id": str(name), "path": str(path), "mark": mark}:
                    self._applied.setdefault(name, {})[path] = mark
                    return {}
        except SandboxError as exc:
            return {"error": str(exc)}
        return {"error": "there is no such request"}

    def _listed(self, context: ToolContext) -> dict[str, Any]:
        sessions = context.sessions.list()
        return {
            "pid": os.getpid(),
            "folders": [asdict(folder) for folder in context.folders],
            "sessions": [
                {
                    "session_id": session.id,
                    "started_at": session.sandbox_started_at,
                    "applied": self._applied.get(session.id, {}),
                }
                for session in sessions
            ],
        }

    async def _run(
        self, context: ToolContext, name: str, job: str, request: dict[str, Any]
    ) -> dict[str, Any]:
        session = await context.sessions.find(name)
        arguments, timeout = request["arguments"], float(request["timeout"])
        execution = await session.run(job, arguments, timeout=timeout)
        if job == "write":
            await context.updates.changed(session, [str(arguments.get("path"))])
        return {"execution": execution.model_dump(mode="json", exclude_defaults=True)}
