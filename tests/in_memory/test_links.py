"""Links to files, for clients that support them; the text and the record are the same for all."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from mcp.types import ResourceLink, TextContent
from protocol.support import record_of, text_of

from bellglass.sandboxes import Execution
from bellglass.sandboxes.testing import InMemoryBackend
from bellglass.tools.files.mime_types import mime_type_of

if TYPE_CHECKING:
    from in_memory.conftest import Connect

READ_ON = 'read_file(path="/tmp/stdout-1.txt", offset=1)'

MADE = Execution.model_validate(
    {
        "status": "ok",
        "stdout": {
            "text": f"a\n[… 8 of 10 bytes omitted: {READ_ON} …]\nb",
            "total_bytes": 10,
            "cut_bytes": 8,
            "file": "/tmp/stdout-1.txt",
            "file_bytes": 10,
        },
        "displays": [
            {
                "kind": "picture",
                "type": "image/png",
                "data": None,
                "at": 0,
                "text": "[picture of 9000 x 9000 px: it is in /tmp/picture-1-1.png]",
                "file": "/tmp/picture-1-1.png",
                "file_bytes": 2_000_000,
            }
        ],
        "files": [{"path": "sales.csv", "bytes": 1500, "change": "new", "readable": True}],
    }
)


@pytest.mark.parametrize(
    ("client", "setting", "links"),
    [
        ("mcp", "auto", 0),  # LangChain, OpenAI Agents, CrewAI: the name of the SDK
        ("somebody's agent", "auto", 0),
        ("claude-ai", "auto", 3),
        ("claude-code", "auto", 3),
        ("Visual Studio Code", "auto", 3),
        ("Visual Studio Code - Insiders", "auto", 3),
        ("mcp", "on", 3),
        ("claude-ai", "off", 0),
    ],
)
async def test_links_are_for_clients_that_take_them(
    client: str, setting: str, links: int, connect: Connect
) -> None:
    backend = InMemoryBackend(lambda request: MADE)
    async with connect(backend, client, links=setting) as opened:
        result = await opened.call_tool("execute_python", {"code": "x"})

    assert sum(isinstance(block, ResourceLink) for block in result.content) == links
    text, record = text_of(result), record_of(result)
    assert text.count(READ_ON) == 1
    assert "/tmp/picture-1-1.png" in text
    assert "sales.csv (new, 1.5 kB)" in text
    assert ("Read one with read_file(path=...)." in text) == (links == 0)
    told = [record["files"]["stdout"], *record["display_files"], *record["changed"]]
    assert [(entry["path"], entry["bytes"]) for entry in told] == [
        ("/tmp/stdout-1.txt", 10),
        ("/tmp/picture-1-1.png", 2_000_000),
        ("sales.csv", 1500),
    ]
    assert all(entry["uri"].startswith("sandbox://") for entry in told)


async def test_all_text_is_in_the_first_block_for_clients_that_read_only_it(
    connect: Connect,
) -> None:
    backend = InMemoryBackend(lambda request: MADE)
    async with connect(backend, one_block="true") as opened:
        result = await opened.call_tool("execute_python", {"code": "x"})

    (block,) = result.content
    assert isinstance(block, TextContent)
    assert READ_ON in block.text
    assert block.text.endswith(f"session_id: {record_of(result)['session_id']}")


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("a/app.ts", "text/x-typescript"),
        ("data.parquet", "application/vnd.apache.parquet"),
        ("Table.XLSX", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
        ("all.tar.gz", "application/gzip"),
        ("plot.png", "image/png"),
        ("data:text", None),
        ("a.b/Makefile", None),
    ],
)
def test_types_of_files_are_ours_and_not_those_of_the_host(path: str, kind: str | None) -> None:
    assert mime_type_of(path) == kind
