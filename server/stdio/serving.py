"""Serve MCP over stdin and stdout, whatever the client sends.

The SDK's reader drops a line that it cannot parse, and its sender waits forever. Ours repairs what
can be repaired and answers the rest; and it can be cancelled, because it is not a thread.
"""

import fcntl
import os
from collections.abc import AsyncGenerator, Callable
from functools import partial
from typing import TYPE_CHECKING, Any, Self, cast

import anyio
from mcp.server.stdio import stdio_server
from mcp.shared.message import SessionMessage
from mcp.types import (
    INVALID_REQUEST,
    PARSE_ERROR,
    ErrorData,
    JSONRPCError,
    JSONRPCMessage,
    JSONRPCNotification,
    jsonrpc_message_adapter,
)
from pydantic import ValidationError

from bellglass.server.control.serving import Control
from bellglass.server.middleware import BellglassServer
from bellglass.server.shutdown import EOF_TIMEOUT_SECONDS, Stop
from bellglass.server.stdio.json_lines import (
    MAX_LINE_BYTES,
    ODD_ID,
    Line,
    LineBuffer,
    OddId,
    find_id,
    find_odd_id,
    repair,
)
from bellglass.server.stdio.stdout_writer import StdoutWriter

if TYPE_CHECKING:
    from bellglass.server.middleware import Sent

_READ_BYTES = 256 * 1024


async def serve_stdio(server: BellglassServer, stop: Stop) -> None:
    """Serve until the end of stdin, or until `stop` is requested."""
    wire = _claim(0, os.open(os.devnull, os.O_RDONLY))
    out = StdoutWriter(_claim(1, os.dup(2)))
    try:
        async with (
            anyio.create_task_group() as tasks,
            stdio_server(
                stdin=cast("anyio.AsyncFile[str]", _Nothing()),
                stdout=cast("anyio.AsyncFile[str]", out),
            ) as (unused, sent),
        ):
            await unused.aclose()
            tasks.start_soon(stop.on_signal, partial(_end, server, tasks.cancel_scope))
            tasks.start_soon(Control(lambda: server.context).serve)
            await server.run_on(
                _Requests(wire, sent, at_end=lambda: stop.within(EOF_TIMEOUT_SECONDS)), sent
            )
            tasks.cancel_scope.cancel()
    except* BrokenPipeError:
        pass  # the client has gone, and needs no answer
    finally:
        out.close()


def _end(server: BellglassServer, scope: anyio.CancelScope) -> None:
    if server.context is not None:
        server.context.sessions.leave()
    scope.cancel()


class _Requests:
    """The messages on stdin, as a stream that the SDK reads."""

    def __init__(self, wire: int, sent: "Sent", at_end: Callable[[], None]) -> None:
        self._sent = sent
        self._messages = self._read(wire, at_end)

    async def _read(
        self, wire: int, at_end: Callable[[], None]
    ) -> AsyncGenerator[SessionMessage | Exception]:
        buffer = LineBuffer()
        while chunk := await _read_some(wire):
            for line in buffer.feed(chunk):
                if message := await self._parsed(line):
                    yield SessionMessage(message)
        at_end()
        for line in buffer.end():
            if message := await self._parsed(line):
                yield SessionMessage(message)

    async def _parsed(self, line: Line) -> JSONRPCMessage | None:
        """Return the message in `line`; if there is none, answer it here."""
        if line.too_long:
            await self._refuse(line.data, INVALID_REQUEST, f"Longer than {MAX_LINE_BYTES} bytes")
            return None
        data = repair(line.data)
        if not data.strip():
            return None
        try:
            message = jsonrpc_message_adapter.validate_json(data, by_name=False)
            if isinstance(message, JSONRPCNotification) and (odd := find_odd_id(data)):
                await self._refuse_id(odd)
                return None
            return message
        except ValidationError as exc:
            if exc.errors(include_url=False, include_input=False)[0]["type"] == "json_invalid":
                await self._refuse(data, PARSE_ERROR, "Not JSON, or nested too deeply")
            else:
                await self._refuse(data, INVALID_REQUEST, "Not a JSON-RPC message")
        return None

    async def _refuse(self, data: bytes, code: int, message: str) -> None:
        error = JSONRPCError(
            jsonrpc="2.0", id=find_id(data), error=ErrorData(code=code, message=message)
        )
        await self._sent.send(SessionMessage(error))

    async def _refuse_id(self, odd: OddId) -> None:
        error = ErrorData(code=INVALID_REQUEST, message=ODD_ID)
        await self._sent.send(SessionMessage(_AnyIdError(jsonrpc="2.0", id=odd.value, error=error)))

    async def receive(self) -> SessionMessage | Exception:
        try:
            return await anext(self._messages)
        except StopAsyncIteration:
            raise anyio.EndOfStream from None

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> SessionMessage | Exception:
        return await anext(self._messages)

    async def aclose(self) -> None:
        await self._messages.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.aclose()


class _AnyIdError(JSONRPCError):
    """An answer to a request whose id the protocol does not allow."""

    id: Any


class _Nothing:
    """Replaces stdin, so that the SDK does not read it itself."""

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> str:
        raise StopAsyncIteration


def _claim(descriptor: int, instead: int) -> int:
    """Return a private copy of the descriptor; child processes and print() get `instead`."""
    wire = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, 3)
    os.dup2(instead, descriptor)
    os.close(instead)
    return wire


async def _read_some(descriptor: int) -> bytes:
    try:
        await anyio.wait_readable(descriptor)
    except PermissionError:
        # A file is always ready, and cannot be waited for.
        await anyio.lowlevel.checkpoint()
    return os.read(descriptor, _READ_BYTES)
