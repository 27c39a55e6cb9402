"""The configurations that people paste."""

import json
import os
from pathlib import Path

from mcp import StdioServerParameters
from protocol.support import COMMAND, connected, environment, record_of

ROOT = Path(__file__).parents[2]


async def test_example_for_claude_desktop_starts_as_it_stands() -> None:
    example = json.loads((ROOT / "claude_desktop_config.example.json").read_text())
    server = example["mcpServers"]["bellglass"]
    path = f"{Path(COMMAND).parent}{os.pathsep}{os.environ['PATH']}"
    parameters = StdioServerParameters(
        command=server["command"],
        args=server.get("args", []),
        env=environment({"PATH": path, **server["env"]}),
    )

    async with connected(parameters, "legacy") as client:
        first = await client.call_tool("execute_python", {"code": "1"})
        second = await client.call_tool("execute_python", {"code": "1"})

    # Each chat of a desktop application has its own, though they share one process.
    assert record_of(first)["session_id"] != record_of(second)["session_id"]
