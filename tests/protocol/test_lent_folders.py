"""Lent folders over the protocol: a model is told of them, and reads them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from mcp import StdioServerParameters
from protocol.support import COMMAND, connected, environment, text_of

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from pathlib import Path

    from mcp import Client


@pytest.fixture
async def client(tmp_path: Path) -> AsyncGenerator[Client]:
    (tmp_path / "app/src").mkdir(parents=True)
    (tmp_path / "app/README.md").write_text("# The project\n")
    (tmp_path / "app/.env").write_text("PASSWORD=1\n")
    folders = ["--folder", f"app={tmp_path}/app", "--folder", f"src={tmp_path}/app/src"]
    server = StdioServerParameters(command=COMMAND, args=folders, env=environment({}))
    async with connected(server, "modern") as client:
        yield client


async def test_the_model_is_told_of_them(client: Client) -> None:
    listed = {tool.name: tool.description for tool in (await client.list_tools()).tools}

    assert client.instructions is not None
    for text in (client.instructions, listed["execute_python"], listed["execute_bash"]):
        assert text is not None
        assert "/folders/app (read-only), /folders/src (read-only)" in text


async def test_a_conversation_may_begin_with_reading_one(client: Client) -> None:
    result = await client.call_tool("read_file", {"path": "/folders/app"})

    assert not result.is_error
    assert ".env  0 bytes\nREADME.md  14 bytes\nsrc/" in text_of(result)
    assert "3 entries of the user's machine, read-only" in text_of(result)


async def test_files_are_read_and_their_paths_lead_nowhere_else(client: Client) -> None:
    read = await client.call_tool("read_file", {"path": "/folders/app/README.md"})
    out = await client.call_tool("read_file", {"path": "/folders/app/../../etc/passwd"})

    assert text_of(read).startswith("# The project\n")
    assert out.is_error
    assert "outside the working directory" in text_of(out)


async def test_writing_to_one_is_refused_in_words(client: Client) -> None:
    call = {"path": "/folders/app/README.md", "text": "x"}
    first = await client.call_tool("execute_python", {"code": "1"})
    session_id = text_of(first).rpartition("session_id: ")[2].split()[0]

    result = await client.call_tool("write_file", {**call, "session_id": session_id})

    assert result.is_error
    assert "Read-only file system" in text_of(result)
