"""Reach the servers on stdio of the same user, and the files of their sessions."""

from __future__ import annotations

from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any

import anyio
from anyio.streams.buffered import BufferedByteReceiveStream
from pydantic import BaseModel, ConfigDict

from bellglass.sandboxes.errors import SandboxError
from bellglass.sandboxes.execution import Execution
from bellglass.sandboxes.folders.folder import Folder
from bellglass.sandboxes.wire.framing import (
    HEADER_BYTES,
    MAX_REQUEST_BYTES,
    body_bytes,
    encode,
    loads,
)
from bellglass.server.control.sockets import ENDING, directory
from bellglass.server.failures import CommandError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from pathlib import Path


class NotReached(CommandError):
    """No server of this user has the session."""


class Listed(BaseModel):
    """A session of a server."""

    model_config = ConfigDict(frozen=True)

    session_id: str
    started_at: float
    """When its sandbox was started, in seconds since the epoch."""
    applied: dict[str, list[int]]
    """Inode and time of change of files that `bellglass apply` has written."""


class _Answer(BaseModel):
    pid: int
    folders: list[Folder]
    sessions: list[Listed]


class LocalServer:
    """A connection to one server."""

    def __init__(self, stream: anyio.abc.ByteStream) -> None:
        self._stream = stream
        self._received = BufferedByteReceiveStream(stream)
        self.folders: list[Folder] = []
        self.sessions: list[Listed] = []
        self.pid = 0

    async def look(self) -> None:
        """Ask for the sessions and folders."""
        found = _Answer.model_validate(await self.ask(do="list"))
        self.folders, self.sessions, self.pid = found.folders, found.sessions, found.pid

    async def ask(self, **request: object) -> dict[str, Any]:
        """Send a request, and return the answer.

        Raises:
            SandboxError: The server refuses it.
        """
        await self._stream.send(encode(request))
        header = await self._received.receive_exactly(HEADER_BYTES)
        size = body_bytes(header, MAX_REQUEST_BYTES)
        answer: dict[str, Any] = loads(await self._received.receive_exactly(size))
        if "error" in answer:
            raise SandboxError(str(answer["error"]))
        return answer


class LocalSession:
    """A session of a local server, for what reads and writes files."""

    def __init__(self, server: LocalServer, listed: Listed) -> None:
        self.server = server
        self.listed = listed
        self.id = listed.session_id

    async def run(self, op: str, arguments: dict[str, Any], *, timeout: float) -> Execution:
        """Run a job in the session; see `Session.run`."""
        answer = await self.server.ask(
            do="job", session_id=self.id, job=op, arguments=arguments, timeout=timeout
        )
        return Execution.model_validate(answer["execution"])

    async def note_applied(self, path: str, mark: list[int]) -> None:
        """Have the server remember a file that was applied."""
        await self.server.ask(do="applied", session_id=self.id, path=path, mark=mark)


@asynccontextmanager
async def servers() -> AsyncGenerator[list[LocalServer]]:
    """Yield a connection to each running server of this user."""
    found: list[LocalServer] = []
    streams = []
    try:
        for path in _sockets():
            with suppress(OSError):  # a server that was killed
                streams.append(await anyio.connect_unix(path))
                server = LocalServer(streams[-1])
                with suppress(anyio.EndOfStream, anyio.IncompleteRead):
                    await server.look()
                    found.append(server)
        yield found
    finally:
        for stream in streams:
            await stream.aclose()


@asynccontextmanager
async def session(name: str) -> AsyncGenerator[LocalSession]:
    """Yield the session whose id is `name`, or begins so.

    Raises:
        NotReached: No server has it, or several sessions begin so.
    """
    async with servers() as running:
        matches = [
            (server, listed)
            for server in running
            for listed in server.sessions
            if listed.session_id.startswith(name)
        ]
        if not name or len(matches) != 1:
            known = ", ".join(listed.session_id for server in running for listed in server.sessions)
            reason = "several sessions begin so" if matches else "no running server has it"
            raise NotReached(f"{name}: {reason}. Sessions of this user: {known or 'none'}.")
        yield LocalSession(*matches[0])


def _sockets() -> list[Path]:
    return sorted(directory().glob(f"*{ENDING}"))
