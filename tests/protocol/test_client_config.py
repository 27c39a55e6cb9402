"""The configurations in the documentation, in each client's format, started as they are."""

from __future__ import annotations

import json
import os
import re
import shlex
import tomllib
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
from mcp import StdioServerParameters
from mcp.client.streamable_http import streamable_http_client
from protocol.support import COMMAND, Server, connected, environment, record_of, text_of
from readme.blocks import ROOT, block

from bellglass.server.clients import yaml_file

EXAMPLE = (ROOT / "claude_desktop_config.example.json").read_text()

CLIENTS = (ROOT / "docs/clients.md").read_text("utf-8")

SERVERS: dict[str, dict[str, Any]] = {
    "claude-desktop": json.loads(EXAMPLE)["mcpServers"],
    "claude-code": json.loads(block("claude-code"))["mcpServers"],
    "vs-code": json.loads(block("vs-code"))["servers"],
    "cursor": json.loads(block("cursor"))["mcpServers"],
    "codex": tomllib.loads(block("codex"))["mcp_servers"],
    "zed": json.loads(block("zed"))["context_servers"],
    "gemini": json.loads(block("gemini"))["mcpServers"],
    "continue": {
        server["name"]: server for server in yaml_file.parse(block("continue"))["mcpServers"]
    },
    "goose": yaml_file.parse(block("goose"))["extensions"],
}


def parameters(server: dict[str, Any]) -> StdioServerParameters:
    """Return how a client starts `server`: as configured, found by its PATH."""
    path = f"{Path(COMMAND).parent}{os.pathsep}{os.environ['PATH']}"
    return StdioServerParameters(
        command=server.get("command") or server["cmd"],
        args=server.get("args", []),
        env=environment({"PATH": path, **server.get("env", server.get("envs", {}))}),
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


def test_the_install_link_of_vs_code_says_what_the_block_says() -> None:
    (link,) = re.findall(r"\((https://vscode\.dev/redirect/mcp/install\S+)\)", CLIENTS)
    query = parse_qs(urlsplit(link).query)

    assert {query["name"][0]: json.loads(query["config"][0])} == SERVERS["vs-code"]


async def test_chatgpt_is_served_by_the_host_name_of_the_proxy() -> None:
    arguments = shlex.split(block("chatgpt"))[1:]
    arguments[arguments.index("127.0.0.1:8000")] = "127.0.0.1:0"
    with Server(*arguments) as server:
        headers = {"host": "your.host.example"}
        async with (
            httpx2.AsyncClient(headers=headers) as http,
            connected(
                streamable_http_client(server.listening(), http_client=http), "legacy"
            ) as client,
        ):
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
