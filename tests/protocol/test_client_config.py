"""The configurations that people paste, each in the form of its client, started as it stands."""

from __future__ import annotations

import json
import os
import shlex
import tomllib
from pathlib import Path
from typing import Any

import pytest
from mcp import StdioServerParameters
from protocol.support import COMMAND, connected, environment, record_of, text_of
from readme.blocks import ROOT, block

EXAMPLE = (ROOT / "claude_desktop_config.example.json").read_text()

SERVERS: dict[str, dict[str, Any]] = {
    "claude-desktop": json.loads(EXAMPLE)["mcpServers"],
    "claude-code": json.loads(block("claude-code"))["mcpServers"],
    "vs-code": json.loads(block("vs-code"))["servers"],
    "cursor": json.loads(block("cursor"))["mcpServers"],
    "codex": tomllib.loads(block("codex"))["mcp_servers"],
    "zed": json.loads(block("zed"))["context_servers"],
}


def parameters(server: dict[str, Any]) -> StdioServerParameters:
    """Return how a client starts `server`: as configured, found by its PATH."""
    path = f"{Path(COMMAND).parent}{os.pathsep}{os.environ['PATH']}"
    return StdioServerParameters(
        command=server["command"],
        args=server.get("args", []),
        env=environment({"PATH": path, **server.get("env", {})}),
    )


@pytest.mark.parametrize("client_name", SERVERS)
async def test_configuration_starts_as_it_stands(client_name: str) -> None:
    server = SERVERS[client_name]["bellglass"]

    async with connected(parameters(server), "legacy") as client:
        result = await client.call_tool("execute_python", {"code": "6 * 7"})

    assert text_of(result).startswith("42\n")


async def test_command_for_claude_code_starts_as_it_stands() -> None:
    line = shlex.split(block("claude-code-command"))
    assert line[:4] == ["claude", "mcp", "add", "bellglass"]
    command, *arguments = line[line.index("--") + 1 :]

    async with connected(parameters({"command": command, "args": arguments}), "legacy") as client:
        result = await client.call_tool("execute_python", {"code": "6 * 7"})

    assert text_of(result).startswith("42\n")


def test_example_file_and_readme_say_the_same() -> None:
    assert block("claude-desktop") == EXAMPLE


async def test_each_chat_of_claude_desktop_has_its_own_session() -> None:
    server = SERVERS["claude-desktop"]["bellglass"]

    async with connected(parameters(server), "legacy") as client:
        first = await client.call_tool("execute_python", {"code": "1"})
        second = await client.call_tool("execute_python", {"code": "1"})

    # They share one process.
    assert record_of(first)["session_id"] != record_of(second)["session_id"]
