"""The two servers that are compared, each a process of its own, and a real client for them."""

import os
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Literal, TextIO

import anyio
from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp.types import CallToolResult, TextContent

from .machine import below

Era = Literal["legacy", "modern"]
ERAS: tuple[Era, ...] = ("legacy", "modern")

BARE = [sys.executable, str(Path(__file__).with_name("bare.py"))]
OURS = [str(Path(sys.executable).with_name("bellglass"))]

CONNECT_SECONDS = 60


@asynccontextmanager
async def connected(command: list[str], era: Era, log: TextIO) -> AsyncGenerator[Client]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("BELLGLASS_")}
    parameters = StdioServerParameters(command=command[0], args=command[1:], env=kept)
    mode = "legacy" if era == "legacy" else "auto"
    async with Client(stdio_client(parameters, errlog=log), mode=mode) as client:
        yield client


def process_of(command: list[str]) -> int:
    """Return the process that runs `command` and that we started."""
    for pid in below(os.getpid()):
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        if os.fsencode(command[-1]) in words:
            return pid
    raise AssertionError(f"{command} does not run")


async def call(client: Client, tool: str, **arguments: Any) -> CallToolResult:
    with anyio.fail_after(CONNECT_SECONDS):
        result = await client.call_tool(tool, arguments)
    assert not result.is_error, result
    return result


def record_of(result: CallToolResult) -> dict[str, Any]:
    record: dict[str, Any] = (result.meta or {})["bellglass/execution"]
    return record


def text_of(result: CallToolResult) -> str:
    return "\n".join(block.text for block in result.content if isinstance(block, TextContent))
