"""The tool that docs/adding-a-tool.md shows to authors of one, installed beside us."""

from __future__ import annotations

import re
import tomllib
from typing import TYPE_CHECKING

import pytest
from mcp import Client, StdioServerParameters
from protocol.support import COMMAND, Server, environment, text_of
from readme.blocks import block

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A folder with the distribution of the page, as an installer would leave it."""
    for name in ("tool", "job"):
        text = block(name)
        file = tmp_path / text.partition("\n")[0].removeprefix("# ")
        file.parent.mkdir(parents=True, exist_ok=True)
        (file.parent / "__init__.py").touch()
        file.write_text(text)
    groups = tomllib.loads(block("tool-entry-points"))["project"]["entry-points"]
    lines = [
        line
        for group, entries in groups.items()
        for line in (f"[{group}]", *(f"{name} = {value}" for name, value in entries.items()))
    ]
    info = tmp_path / "bellglass_words-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: bellglass-words\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("\n".join(lines))
    return tmp_path


async def test_the_tool_of_the_page_counts_the_words_of_a_file(path: Path) -> None:
    settings = {"PYTHONPATH": str(path), "BELLGLASS_EXTRA_TOOLS": "count_words"}
    async with Client(StdioServerParameters(command=COMMAND, env=environment(settings))) as client:
        tools = [tool.name for tool in (await client.list_tools()).tools]
        written = await client.call_tool("write_file", {"path": "a.txt", "text": "to be or\nnot"})
        session = re.search(r"session_id: (\w+)", text_of(written))
        assert session is not None
        arguments = {"session_id": session[1]}
        counted = await client.call_tool("count_words", {"path": "a.txt", **arguments})
        missing = await client.call_tool("count_words", {"path": "b.txt", **arguments})

    assert tools[-1] == "count_words"
    assert text_of(counted) == f"4 words\nsession_id: {session[1]}"
    assert missing.is_error
    assert "'b.txt' could not be read" in text_of(missing)


async def test_a_tool_that_was_named_is_served_whatever_groups_are_listed(path: Path) -> None:
    settings = {
        "PYTHONPATH": str(path),
        "BELLGLASS_EXTRA_TOOLS": "count_words",
        "BELLGLASS_TOOLS": "core",
    }
    async with Client(StdioServerParameters(command=COMMAND, env=environment(settings))) as client:
        tools = [tool.name for tool in (await client.list_tools()).tools]

    assert tools[3:] == ["run_tests", "count_words"]


async def test_a_tool_that_nobody_named_is_not_served(path: Path) -> None:
    command = StdioServerParameters(command=COMMAND, env=environment({"PYTHONPATH": str(path)}))
    async with Client(command) as client:
        tools = [tool.name for tool in (await client.list_tools()).tools]

    assert "count_words" not in tools


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("= bellglass_words.tool:TOOL", "= bellglass_words.tool:Count", "is not a ToolEntry"),
        ("= bellglass_words.tool:TOOL", "= bellglass_words.none:TOOL", "cannot be imported"),
        ("count_words = bellglass_words.tool", "words = bellglass_words.tool", "no tool"),
    ],
)
def test_a_tool_that_cannot_be_served_is_said_at_the_start(
    path: Path, old: str, new: str, said: str
) -> None:
    entries = path / "bellglass_words-1.0.dist-info/entry_points.txt"
    entries.write_text(entries.read_text().replace(old, new))
    server = Server(PYTHONPATH=str(path), BELLGLASS_EXTRA_TOOLS="count_words")
    _, log = server.process.communicate(timeout=60)

    assert server.process.returncode == 2
    assert "BELLGLASS_EXTRA_TOOLS" in log.decode()
    assert said in log.decode()


async def test_no_tool_takes_the_name_or_the_job_of_one_of_ours(path: Path) -> None:
    tool = path / "bellglass_words/tool.py"
    tool.write_text(tool.read_text().replace("count_words", "read_file"))
    entries = path / "bellglass_words-1.0.dist-info/entry_points.txt"
    entries.write_text(entries.read_text() + "\nread = bellglass_words.inside.count:JOB\n")
    refused = Server(PYTHONPATH=str(path), BELLGLASS_EXTRA_TOOLS="count_words")
    _, log = refused.process.communicate(timeout=60)
    command = StdioServerParameters(command=COMMAND, env=environment({"PYTHONPATH": str(path)}))
    async with Client(command) as client:
        written = await client.call_tool("write_file", {"path": "a.txt", "text": "as it was"})
        session = re.search(r"session_id: (\w+)", text_of(written))
        assert session is not None
        arguments = {"path": "a.txt", "session_id": session[1]}
        read = await client.call_tool("read_file", arguments)

    assert b"There is a tool 'read_file' already" in log
    assert "as it was" in text_of(read)
