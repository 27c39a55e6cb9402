"""Files of a session as resources: linked, read whole or in parts, and nobody else's."""

import base64
from dataclasses import dataclass
from typing import Any

import pytest
from mcp import Client
from mcp.shared.exceptions import MCPError
from mcp.types import BlobResourceContents, ResourceLink, TextResourceContents
from protocol.support import Wire, record_of


@dataclass
class Files:
    """The files of one session."""

    client: Client
    session_id: str

    async def run(self, command: str) -> None:
        arguments = {"command": command, "session_id": self.session_id}
        result = await self.client.call_tool("execute_bash", arguments)
        assert record_of(result)["status"] == "ok"

    async def read(
        self, path: str
    ) -> tuple[bytes, TextResourceContents | BlobResourceContents, dict[str, Any]]:
        uri = f"sandbox://{self.session_id}/files/{path}"
        result = await self.client.read_resource(uri)
        assert len(result.model_dump_json()) < 900_000
        content = result.contents[0]
        if isinstance(content, TextResourceContents):
            data = content.text.encode()
        else:
            data = base64.b64decode(content.blob)
        return data, content, (content.meta or {}).get("bellglass/part", {})


@pytest.fixture
async def files(client: Client) -> Files:
    record = record_of(await client.call_tool("execute_bash", {"command": "true"}))
    return Files(client, record["session_id"])


async def test_cut_output_comes_with_a_link_to_the_whole(client: Client) -> None:
    code = "for i in range(9_000): print('line', i)"
    result = await client.call_tool("execute_python", {"code": code})
    (link,) = [block for block in result.content if isinstance(block, ResourceLink)]
    (content,) = (await client.read_resource(link.uri)).contents

    assert isinstance(content, TextResourceContents)
    assert content.text == "".join(f"line {i}\n" for i in range(9_000))
    assert link.size == len(content.text)
    assert link.mime_type == content.mime_type == "text/plain"


async def test_client_of_an_older_protocol_gets_no_link_it_cannot_read() -> None:
    with Wire() as wire:
        await wire.initialize("2024-11-05")
        params = {"name": "execute_python", "arguments": {"code": "print('x' * 100_000)"}}
        answer = await wire.ask(
            {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
        )

    assert [block["type"] for block in answer["result"]["content"]] == ["text", "text"]


async def test_templates_are_listed(client: Client) -> None:
    templates = (await client.list_resource_templates()).resource_templates

    assert [template.uri_template for template in templates] == [
        "sandbox://{session_id}/files/{+path}{?offset}",
        "sandbox://{session_id}/output/{name}{?offset}",
    ]
    assert all(template.title and template.description for template in templates)


async def test_text_and_bytes_are_read_as_they_are(files: Files) -> None:
    await files.run("mkdir 'a b'; printf 'h\\303\\274' > 'a b/x?.csv'; printf '\\377\\0' > b.bin")

    text, content, _ = await files.read("a%20b/x%3F.csv")
    assert text.decode() == "hü"
    assert content.mime_type == "text/csv"
    data, content, _ = await files.read("b.bin")
    assert data == b"\xff\0"
    assert isinstance(content, BlobResourceContents)


@pytest.mark.parametrize(
    "make",
    ["head -c 1500000 /dev/urandom", "yes ü | head -c 1500000", "yes '' | head -c 1500000"],
    ids=["bytes", "text", "all of it escaped"],
)
async def test_large_file_is_read_in_parts(files: Files, make: str) -> None:
    await files.run(f"{make} > large; sha256sum large > sum")
    parts, path = [], "large"
    while path:
        data, _, about = await files.read(path)
        parts.append(data)
        path = about.get("next", "").rpartition("/")[2]

    await files.run(f"test $(stat -c %s large) = {sum(map(len, parts))}")
    whole = base64.b64encode(b"".join(parts)[-1000:]).decode()
    await files.run(f"tail -c 1000 large | base64 -w0 | grep -Fxq '{whole}'")
    assert len(parts) == 3


@pytest.mark.parametrize(
    ("prepare", "path", "told"),
    [
        ("true", "none", "No such file or directory"),
        ("mkdir d", "d", "a directory"),
        ("mkfifo p", "p", "not a regular file"),
        ("ln -s /dev/zero z", "z", "leads out"),
        ("ln -s loop loop", "loop", "symbolic links"),
        ("ln -s /proc/1/environ e", "e", "leads out"),
        ("ln -s .. up; ln -s up/etc/passwd e2", "e2", "leads out"),
        ("ln -s /tmp/../etc t", "t/passwd", "leads out"),
        ("true", "../etc/passwd", "without '..'"),
        ("true", "%2E%2E/etc/passwd", "without '..'"),
        ("true", "/etc/passwd", "without '..'"),
        ("true", "a%00b", "without '..'"),
        ("echo > f", "f?offset=-1", "number of bytes"),
        ("true", "n" * 5000, "too long"),
    ],
)
async def test_what_is_no_file_of_the_session_is_refused(
    files: Files, prepare: str, path: str, told: str
) -> None:
    await files.run(prepare)
    with pytest.raises(MCPError, match=told):
        await files.read(path)

    await files.run("echo still here")


async def test_address_of_no_session_is_refused_like_any_unknown_session(client: Client) -> None:
    with pytest.raises(MCPError, match="session"):
        await client.read_resource(f"sandbox://{'0' * 32}/files/x")
    with pytest.raises(MCPError, match="Unknown resource"):
        await client.read_resource("sandbox://x")
