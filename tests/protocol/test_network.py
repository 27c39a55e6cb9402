"""The network that an operator allows, as a client sees it."""

from __future__ import annotations

import contextlib
import re
from typing import TYPE_CHECKING

import pytest
from mcp.client.streamable_http import streamable_http_client
from network.support import file_name, publish, web, wheel
from protocol.support import Connect, connected, http_server, record_of, text_of

if TYPE_CHECKING:
    from pathlib import Path


async def test_by_default_nothing_is_installed_and_the_error_says_who_can_change_that(
    connect: Connect,
) -> None:
    async with connect() as client:
        result = await client.call_tool("execute_bash", {"command": "python3 -m pip install x"})
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}

    text = text_of(result)
    assert "BELLGLASS_NETWORK=packages" in text
    assert "Retrying" not in text
    assert record_of(result)["network"] == []
    assert "There is no network." in (tools["execute_python"].description or "")


@pytest.mark.parametrize("era", ["legacy", "modern"])
async def test_packages_come_and_hosts_are_refused_and_both_are_told(
    era: str, tmp_path: Path
) -> None:
    with contextlib.ExitStack() as stack:
        index = stack.enter_context(web())
        publish(index, "alpha", wheel("alpha", text="value = 41"))
        server, url = stack.enter_context(
            http_server(
                BELLGLASS_NETWORK="packages",
                BELLGLASS_PACKAGE_INDEX=f"{index.url}/simple/",
                BELLGLASS_PACKAGE_CACHE=str(tmp_path),
            )
        )
        async with connected(streamable_http_client(url), era) as client:
            tools = {tool.name: tool for tool in (await client.list_tools()).tools}
            wanted = await client.call_tool("execute_python", {"code": "import alpha"})
            session = {"session_id": record_of(wanted)["session_id"]}
            installed = await client.call_tool(
                "execute_python",
                {"code": "!pip install -q alpha\nimport alpha\nalpha.value + 1", **session},
            )
            refused = await client.call_tool(
                "execute_python",
                {
                    "code": "import urllib.request as u\nu.urlopen('https://evil.example')",
                    **session,
                },
            )
            missing = await client.call_tool(
                "execute_bash", {"command": "pip install nothing-of-it", **session}
            )
            tested = await client.call_tool(
                "run_tests",
                {
                    "code": "import alpha\ndef two():\n    return alpha.value",
                    "cases": [{"call": "two()", "expected": 41}],
                    **session,
                },
            )
        server.process.terminate()
        await server.ended(20)
        log = server.log

    assert "pip install works; there is no other network." in (
        tools["execute_bash"].description or ""
    )
    annotations = tools["execute_python"].annotations
    assert annotations is not None
    assert annotations.open_world_hint is True
    assert "alpha is not a known package: check the name" in text_of(wanted)
    assert "\n42\n" in f"\n{text_of(installed)}"
    assert f"Network: fetched {file_name('alpha')} (1 kB)" in text_of(installed)
    visits = record_of(installed)["network"]
    assert [visit["file"] for visit in visits] == [None, file_name("alpha")]
    assert visits[1]["bytes"] == len(wheel("alpha", text="value = 41"))
    assert "Network: refused evil.example:443 (only packages are allowed)" in text_of(refused)
    assert "the package index has no nothing-of-it" in text_of(missing)
    assert (tested.structured_content or {})["passed"] == 1, text_of(tested)
    assert re.search(r"execute_python error .* network 1 of which refused 1$", log, re.MULTILINE)
    assert "evil.example" not in log
