"""The MCP server: its tools, what it says of itself, and the edge that every call passes."""

import base64
import inspect
import logging
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Any

import anyio
from mcp.server import CacheHint, MCPServer
from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp.server.mcpserver import Context, Icon
from mcp.server.mcpserver.exceptions import ToolError
from mcp.shared.exceptions import MCPError
from mcp.types import INTERNAL_ERROR, CallToolResult, InputRequiredResult, TextContent
from pydantic import ValidationError

from bellglass.sandboxes.base import Sandbox
from bellglass.sandboxes.execution import clean, cleaned
from bellglass.sandboxes.sessions import Sessions
from bellglass.server.logs import short_hash
from bellglass.server.settings import Settings
from bellglass.tools import TOOLS
from bellglass.tools.errors import misspelt_argument, wrong_arguments
from bellglass.tools.rendering import RECORD, duration
from bellglass.tools.workbench import Workbench

INSTRUCTIONS = (
    "Runs code in an isolated sandbox without network. Every result names its session_id: pass it "
    "to the next call to go on with the same variables and files; without it a call may start "
    "afresh. Code that fails is a normal result whose first line says how. "
    "A session is deleted {idle} after its last call."
)

_ICON = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24" fill="none" stroke="#2a7f8e" '
    'stroke-width="1.8" stroke-linecap="round"><path d="M5 19v-8a7 7 0 0 1 14 0v8M3 19h18"/>'
    '<circle cx="12" cy="2.5" r="1"/></svg>'
)

log = logging.getLogger("bellglass")


class BellglassServer(MCPServer[Workbench]):
    """The SDK's server, with our texts for refused calls and one line of log for every call."""

    async def call_tool(
        self, name: str, arguments: dict[str, Any], context: Context[Workbench, Any] | None = None
    ) -> CallToolResult | InputRequiredResult:
        started = time.monotonic()
        status, session_id = "cancelled", None
        try:
            result = await self._call(name, arguments, context)
            status, session_id = _outcome(result)
            return result
        except ToolError:
            status = "refused"
            raise
        except Exception:
            status = "internal error"
            raise
        finally:
            log.info(
                "%s %s %.3f s%s",
                name if name in self._listed else "unknown tool",
                status,
                time.monotonic() - started,
                f" session {short_hash(session_id)}" if session_id else "",
            )

    async def _call(
        self, name: str, arguments: dict[str, Any], context: Context[Workbench, Any] | None
    ) -> CallToolResult | InputRequiredResult:
        known = self._listed.get(name)
        if known is None:
            listed = ", ".join(self._listed)
            raise ToolError(f"There is no tool {clean(name[:60])!r}. The tools are: {listed}.")
        arguments = {clean_key(key): _repaired(value) for key, value in arguments.items()}
        if complaint := misspelt_argument(arguments, known):
            raise ToolError(complaint)
        try:
            result = await super().call_tool(name, arguments, context)
        except ToolError as exc:
            if isinstance(exc.__cause__, ValidationError):
                raise ToolError(wrong_arguments(name, exc.__cause__)) from exc.__cause__
            if isinstance(exc.__cause__, ToolError):
                raise exc.__cause__ from None  # without the SDK's prefix
            raise
        return _sendable(result)

    @property
    def _listed(self) -> dict[str, Any]:
        return self._parameters

    _parameters: dict[str, dict[str, Any]]
