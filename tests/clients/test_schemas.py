"""The schemas of tools in the class of Google's library, which refuses unknown keywords."""

import json
import subprocess
from functools import partial

import pytest
from anyio import to_thread
from clients.test_frameworks import python_with
from mcp import StdioServerParameters
from protocol.support import COMMAND, connected, environment

pytestmark = [pytest.mark.clients, pytest.mark.timeout(900)]

READ = """
import json, sys
from google.genai.types import FunctionDeclaration
for tool in json.load(sys.stdin):
    print(FunctionDeclaration(**tool).name)
"""


async def test_each_tool_is_a_function_for_gemini() -> None:
    parameters = StdioServerParameters(command=COMMAND, env=environment({}))
    async with connected(parameters, "modern") as client:
        tools = (await client.list_tools()).tools
    declared = [
        {"name": tool.name, "description": tool.description, "parameters": tool.input_schema}
        for tool in tools
    ]

    read = await to_thread.run_sync(
        partial(
            subprocess.run,
            [python_with("google-genai"), "-c", READ],
            input=json.dumps(declared),
            capture_output=True,
            text=True,
            timeout=120,
        )
    )

    assert read.returncode == 0, read.stderr
    assert read.stdout.split() == [tool.name for tool in tools]
