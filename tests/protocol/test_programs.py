"""Programs that the manual of execute_bash names: those that are there, and no others."""

import json
import re
from pathlib import Path

import pytest
from mcp import Client, StdioServerParameters
from protocol.support import COMMAND, connected, environment, text_of


def named(manual: str) -> dict[str, str]:
    """Return the programs that a manual names, and their versions."""
    found = re.search(r"There are: ([^:]+?)\.\s", manual)
    parts = found[1].split(", ") if found else []
    return {name: version for name, _, version in (part.partition(" ") for part in parts)}


async def manual_of(client: Client) -> str:
    tools = {tool.name: tool for tool in (await client.list_tools()).tools}
    return tools["execute_bash"].description or ""


@pytest.mark.parametrize("mode", [("stdio", "modern")], indirect=True)
async def test_each_program_that_is_named_runs_and_has_that_version(
    client: Client, subtests: pytest.Subtests
) -> None:
    programs = named(await manual_of(client))

    assert len(programs) <= 10
    assert "perl" in programs or "git" in programs, "Every machine that runs these tests has one."
    for name, version in programs.items():
        with subtests.test(name):
            asked = f"{name} --version 2>&1 || {name} version"
            result = await client.call_tool("execute_bash", {"command": asked, "timeout": 60})

            assert version in text_of(result)


@pytest.mark.parametrize("cache", ["", "{", "[]", '{"embedded": 3}'])
async def test_a_cache_that_is_broken_or_cannot_be_written_costs_nothing(
    cache: str, tmp_path: Path
) -> None:
    folder = tmp_path / "bellglass"
    if cache:
        folder.mkdir()
        (folder / "programs.json").write_text(cache)
    else:
        folder.write_text("no folder")
    parameters = StdioServerParameters(
        command=COMMAND, env=environment({"XDG_CACHE_HOME": str(tmp_path)})
    )
    async with connected(parameters, "modern") as client:
        assert named(await manual_of(client))

    if cache:
        assert json.loads((folder / "programs.json").read_text())
