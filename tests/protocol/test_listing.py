"""The listing of tools, which costs tokens in every conversation."""

import json
from importlib.metadata import version

from mcp import Client
from protocol.support import BOTH_WAYS, Connect

NAMES = [
    "execute_python",
    "execute_bash",
    "validate_code",
    "run_tests",
    "list_sessions",
    "close_session",
    "read_file",
    "write_file",
    "background_run",
    "branch_session",
]


async def test_tools_stand_in_a_fixed_order(client: Client) -> None:
    tools = (await client.list_tools()).tools

    assert [tool.name for tool in tools] == NAMES


async def test_listing_is_small(client: Client) -> None:
    """A model reads names, descriptions and arguments: 4.2 characters are a token of o200k."""
    listing = await client.list_tools()
    read = [
        f"{tool.name}{tool.description}{json.dumps(tool.input_schema)}" for tool in listing.tools
    ]

    assert len("".join(read)) < 1_600 * 4.2
    assert len(listing.model_dump_json(by_alias=True, exclude_none=True)) < 8_000


async def test_every_tool_has_title_description_and_hints(client: Client) -> None:
    for tool in (await client.list_tools()).tools:
        assert tool.title, tool.name
        assert tool.description, tool.name
        assert tool.annotations is not None, tool.name
        assert tool.annotations.open_world_hint is False, tool.name


async def test_only_what_has_no_pictures_has_a_schema_of_its_result(client: Client) -> None:
    """Clients that know a schema show the structured half alone, and hide pictures."""
    tools = (await client.list_tools()).tools

    assert {tool.name for tool in tools if tool.output_schema} == {"validate_code", "run_tests"}


@BOTH_WAYS
async def test_lifetime_and_limits_are_those_of_the_settings(connect: Connect) -> None:
    async with connect(
        BELLGLASS_SESSION_IDLE_SECONDS="300",
        BELLGLASS_SESSION_MAX_SECONDS="7200",
        BELLGLASS_TIMEOUT_SECONDS="7",
    ) as client:
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}

    description = " ".join((tools["execute_python"].description or "").split())
    assert "5 minutes after its last call, at the latest 2 hours" in description
    for name in ("execute_python", "execute_bash"):
        assert "7 if left out" in json.dumps(tools[name].input_schema)


async def test_server_introduces_itself(client: Client) -> None:
    assert client.server_info is not None
    assert client.server_info.name == "bellglass"
    assert client.instructions is not None
    assert "session_id" in client.instructions


async def test_a_result_is_signed_in_few_words(client: Client) -> None:
    result = await client.call_tool("list_sessions", {})

    listing = await client.list_tools()

    modern = client.protocol_version >= "2026-07-28"
    expected = {"name": "bellglass", "version": version("bellglass")} if modern else None
    for signed in (result, listing):
        assert (signed.meta or {}).get("io.modelcontextprotocol/serverInfo") == expected
