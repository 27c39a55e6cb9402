"""A session of a server in this process, for a person at a terminal.

A real client calls it in memory, so checks, policy and texts are those of every client. The client
and the server run in a thread, so that the main thread can wait for input and be interrupted.
"""

from __future__ import annotations

import base64
import queue
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any, BinaryIO

import anyio
from anyio.from_thread import start_blocking_portal
from mcp import Client
from mcp.client.extension import advertise
from mcp.server.apps import APP_MIME_TYPE, EXTENSION_ID
from mcp.shared.exceptions import MCPError
from mcp.types import BlobResourceContents, CallToolResult, TextResourceContents

from bellglass.server.app import build_server
from bellglass.server.failures import CommandError
from bellglass.tools.execute.rendering import RECORD
from bellglass.tools.files.addresses import file_uri
from bellglass.tools.files.session_files import FILE, PART
from bellglass.tools.groups import ALL

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Generator

    from anyio.abc import TaskStatus
    from anyio.from_thread import BlockingPortal

    from bellglass.sandboxes.execution import Execution
    from bellglass.sandboxes.frame_models import Stream
    from bellglass.server.settings import Settings

UPLOAD_PART_BYTES = 2_000_000
"""Bytes of a file that one call of write_file carries."""

_KNOWS_LAYOUT = advertise(EXTENSION_ID, {"mimeTypes": [APP_MIME_TYPE]})
"""Declares a view, so that results have a layout of their text."""


class LocalSession:
    """One session, and the result of its last call."""

    def __init__(self, portal: BlockingPortal, client: Client, listener: _Listener) -> None:
        self._portal = portal
        self._client = client
        self._listener = listener
        self._id: str | None = None

    @classmethod
    @contextmanager
    def open(cls, settings: Settings) -> Generator[LocalSession]:
        """Start a server, which ends with the context, as does its sandbox."""
        listener = _Listener()
        with (
            start_blocking_portal() as portal,
            portal.wrap_async_context_manager(_connected(settings, listener)) as client,
        ):
            yield cls(portal, client, listener)

    @property
    def execution(self) -> Execution | None:
        """The execution of the last call; None if the call was refused or interrupted."""
        return self._listener.execution

    def call(
        self, tool: str, arguments: dict[str, Any], show: Callable[[Stream], None]
    ) -> CallToolResult | None:
        """Call a tool and `show` output as it arrives; return None if it was interrupted.

        An interrupt stops the call. The session goes on.
        """
        self._listener.begin()
        given = {**arguments, **({"session_id": self._id} if self._id else {})}
        future, scope = self._portal.start_task(self._call, tool, given)
        try:
            self._listener.drain(show)
        except BaseException as exc:
            self._portal.call(scope.cancel)
            self._listener.drain(lambda stream: None)
            if not isinstance(exc, KeyboardInterrupt):
                raise
        result: CallToolResult | None = future.result()
        if result is not None:
            meta = result.meta or {}
            self._id = {**meta.get(FILE, {}), **meta.get(RECORD, {})}.get("session_id", self._id)
        return result

    def put(self, path: str, file: BinaryIO) -> None:
        """Write a file of the session.

        Raises:
            CommandError: It is refused.
        """
        offset = 0
        while (part := file.read(UPLOAD_PART_BYTES)) or not offset:
            data = base64.b64encode(part).decode()
            result = self.call(
                "write_file", {"path": path, "base64": data, "offset": offset}, lambda stream: None
            )
            if result is None:
                raise KeyboardInterrupt
            if result.is_error:
                raise CommandError(text_of(result))
            offset += len(part)
            if not part:
                return

    def read(self, path: str) -> bytes:
        """Return the contents of a file of the session, or of one with a cut output.

        Raises:
            CommandError: It cannot be read.
        """
        assert self._id is not None
        return self._portal.call(self._read, file_uri(self._id, path))

    async def _call(
        self,
        tool: str,
        arguments: dict[str, Any],
        *,
        task_status: TaskStatus[anyio.CancelScope],
    ) -> CallToolResult | None:
        try:
            with anyio.CancelScope() as scope:
                task_status.started(scope)
                return await self._client.call_tool(tool, arguments)
        except MCPError as exc:
            raise CommandError(str(exc)) from exc
        finally:
            self._listener.finish()
        return None

    async def _read(self, uri: str) -> bytes:
        parts: list[bytes] = []
        following: str | None = uri
        try:
            while following:
                content = (await self._client.read_resource(following)).contents[0]
                match content:
                    case TextResourceContents():
                        parts.append(content.text.encode())
                    case BlobResourceContents():
                        parts.append(base64.b64decode(content.blob))
                following = (content.meta or {}).get(PART, {}).get("next")
        except MCPError as exc:
            raise CommandError(str(exc)) from exc
        return b"".join(parts)


class _Listener:
    """Passes output from the thread of the server to the thread that shows it."""

    def __init__(self) -> None:
        self.execution: Execution | None = None
        self._pieces: queue.SimpleQueue[Stream | None] = queue.SimpleQueue()

    async def take_output(self, stream: Stream) -> None:
        self._pieces.put(stream)

    def end(self, execution: Execution) -> None:
        self.execution = execution

    def begin(self) -> None:
        self.execution = None

    def finish(self) -> None:
        self._pieces.put(None)

    def drain(self, show: Callable[[Stream], None]) -> None:
        """Show output as it arrives, until the call has ended."""
        while (piece := self._pieces.get()) is not None:
            show(piece)


@asynccontextmanager
async def _connected(settings: Settings, listener: _Listener) -> AsyncGenerator[Client]:
    # All tools, whatever the operator lists to models: `put` calls write_file.
    server = build_server(settings.model_copy(update={"tools": ALL}), listener=listener)
    # With explicit sessions, because each call here names its session.
    async with Client(server, extensions=[_KNOWS_LAYOUT]) as client:
        yield client


def text_of(result: CallToolResult) -> str:
    """Return the text of a result."""
    return "\n".join(block.text for block in result.content if block.type == "text")
