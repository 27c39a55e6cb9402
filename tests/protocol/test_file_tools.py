"""Files of a session through the tools: named when they change, read and written in parts."""

import base64
import hashlib
from typing import Any, TextIO

import anyio
import pytest
from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.exceptions import MCPError
from mcp.shared.subscriptions import ResourceUpdated
from mcp.types import (
    CallToolResult,
    EmptyResult,
    ImageContent,
    ResourceLink,
    ResourceTemplateReference,
    ResourceUpdatedNotification,
    SubscribeRequest,
    SubscribeRequestParams,
    TextContent,
    UnsubscribeRequest,
    UnsubscribeRequestParams,
)
from protocol.support import COMMAND, environment, offered, record_of, text_of

TEMPLATE = ResourceTemplateReference(
    type="ref/resource", uri="sandbox://{session_id}/files/{+path}{?offset}"
)


def blocks(result: CallToolResult) -> list[str]:
    return [block.text for block in result.content if isinstance(block, TextContent)]


async def test_changed_files_are_named_and_linked(client: Client) -> None:
    code = "open('a b.csv', 'w').write('1,2')\nopen('evil\\n\\x1b[31m\\u202e', 'w')\nNone"
    made = await client.call_tool("execute_python", {"code": code})
    session_id = record_of(made)["session_id"]
    many = "for i in range(300): open(f'f{i:03}', 'w').close()"
    more = await client.call_tool("execute_python", {"code": many, "session_id": session_id})

    assert "Files: a b.csv (new, 3 bytes), evil\\n\\x1b[31m\\u202e (new, 0 bytes)" in text_of(made)
    links = [block for block in made.content if isinstance(block, ResourceLink)]
    assert (links[0].uri, links[0].mime_type, links[0].size) == (
        f"sandbox://{session_id}/files/a%20b.csv",
        "text/csv",
        3,
    )
    for link, entry in zip(links, record_of(made)["changed"], strict=True):
        assert link.uri == entry["uri"]
        await client.read_resource(link.uri)
    assert "Files: 100 new (0 bytes each): f000, f001 … f099 and 200 more\n" in text_of(more)
    assert len([block for block in more.content if isinstance(block, ResourceLink)]) == 3
    record = record_of(more)
    assert (len(record["changed"]), record["changed_left_out"]) == (100, 200)


async def test_text_is_written_and_read_in_parts(client: Client) -> None:
    lines = "".join(f"line {i} ü\n" for i in range(4_000))
    first = await client.call_tool("write_file", {"path": "a/b.txt", "text": lines[:100]})
    assert first.meta is not None
    place = {"path": "a/b.txt", "session_id": first.meta["bellglass/file"]["session_id"]}
    size = first.meta["bellglass/file"]["size"]
    part = {**place, "text": lines[100:], "offset": size}
    second = await client.call_tool("write_file", part)
    again = await client.call_tool("write_file", part)
    gap = await client.call_tool("write_file", {**part, "offset": 7})
    read, offset = "", 0
    while offset is not None:
        result = await client.call_tool("read_file", {**place, "offset": offset})
        assert result.meta is not None
        offset = result.meta["bellglass/file"]["next"]
        read += blocks(result)[0]
        if offset is not None:
            assert read.endswith("\n")
            assert f"; next: offset={offset}]" in blocks(result)[1]
    tail = await client.call_tool("read_file", {**place, "offset": -5})

    assert second.meta is not None
    assert second.meta["bellglass/file"]["sha256"] == hashlib.sha256(lines.encode()).hexdigest()
    assert "nothing was added" in text_of(again)
    assert gap.is_error
    assert f"the next part has the offset {len(lines.encode())}" in text_of(gap)
    assert read == lines
    assert blocks(tail)[0] == "9 ü\n"


async def test_other_files_are_read_as_what_they_are(client: Client) -> None:
    code = (
        "import matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.savefig('plot.png')\nplt.close()\n"
        "import os\nos.makedirs('d/sub')\nopen('d/x', 'w').write('x')\nNone"
    )
    made = await client.call_tool("execute_python", {"code": code})
    session = {"session_id": record_of(made)["session_id"]}

    async def read(path: str, **more: object) -> CallToolResult:
        return await client.call_tool("read_file", {"path": path, **session, **more})

    (picture,) = [b for b in (await read("plot.png")).content if isinstance(b, ImageContent)]
    assert picture.mime_type == "image/png"
    assert base64.b64decode(picture.data).startswith(b"\x89PNG")
    assert blocks(await read("/work/d"))[0] == "sub/\nx  1 byte"
    await client.call_tool("write_file", {"path": "b.bin", "base64": "/wD/", **session})
    binary = await read("b.bin")
    assert "pass base64=true" in text_of(binary)
    (link,) = [block for block in binary.content if isinstance(block, ResourceLink)]
    assert link.uri == f"sandbox://{session['session_id']}/files/b.bin"
    assert blocks(await read("b.bin", base64=True))[0] == "/wD/"
    assert "`ls` shows the files" in text_of(await read("none"))
    wrong = await client.call_tool("write_file", {"path": "x", "base64": "?", **session})
    assert "Nothing was written" in text_of(wrong)


async def test_sessions_and_paths_are_completed(client: Client) -> None:
    made = await client.call_tool("execute_bash", {"command": "mkdir data; touch data/a data/b da"})
    session_id = record_of(made)["session_id"]

    async def completed(name: str, value: str, **known: str) -> list[str]:
        argument = {"name": name, "value": value}
        result = await client.complete(TEMPLATE, argument, context_arguments=known or None)
        return result.completion.values

    async def paths(value: str) -> list[str]:
        return await offered(lambda: completed("path", value, session_id=session_id))

    assert await paths("da") == ["da", "data/"]
    assert await paths("data/") == ["data/a", "data/b"]
    assert await completed("path", "../", session_id=session_id) == []
    assert await completed("path", "", session_id="0" * 32) == []
    listed = text_of(await client.call_tool("list_sessions", {}))
    assert (session_id in await completed("session_id", session_id[:5])) == (session_id in listed)


async def test_watched_file_is_told_of(
    mode: tuple[str, str], nowhere: TextIO, http_url: str
) -> None:
    transport, era = mode
    seen: list[str] = []
    told = anyio.Event()

    async def note(message: object) -> None:
        if isinstance(message, ResourceUpdatedNotification):
            seen.append(message.params.uri)
            told.set()

    parameters = StdioServerParameters(command=COMMAND, env=environment({}))
    target: Any = (
        stdio_client(parameters, errlog=nowhere)
        if transport == "stdio"
        else streamable_http_client(http_url)
    )
    with anyio.fail_after(100):
        async with Client(
            target, mode="legacy" if era == "legacy" else "auto", message_handler=note
        ) as client:
            made = await client.call_tool("execute_python", {"code": "open('a', 'w').close()"})
            session = {"session_id": record_of(made)["session_id"]}
            uri = f"sandbox://{session['session_id']}/files/a"

            async def change() -> None:
                code = "open('b', 'w').close(); open('a', 'a').write('x')"
                await client.call_tool("execute_python", {"code": code, **session})

            if era == "modern":
                async with client.listen(resource_subscriptions=[uri]) as events:
                    await change()
                    event = await anext(aiter(events))
                assert event == ResourceUpdated(uri=uri)
                return
            await client.session.send_request(
                SubscribeRequest(params=SubscribeRequestParams(uri=uri)), EmptyResult
            )
            await change()
            await told.wait()
            end = UnsubscribeRequest(params=UnsubscribeRequestParams(uri=uri))
            await client.session.send_request(end, EmptyResult)
            await change()
            await client.call_tool("write_file", {"path": "a", "text": "", **session})
            stranger = SubscribeRequestParams(uri=f"sandbox://{'0' * 32}/files/a")
            with pytest.raises(MCPError, match="No such session"):
                await client.session.send_request(SubscribeRequest(params=stranger), EmptyResult)

    assert seen == [uri]
