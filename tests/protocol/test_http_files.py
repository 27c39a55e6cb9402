"""Large files over HTTP: streamed both ways, with the tools' errors, and only for their owner."""

import contextlib
import hashlib
import os
import select
import socket
import subprocess
from collections.abc import AsyncGenerator, Generator
from pathlib import Path
from urllib.parse import urlsplit

import anyio
import httpx2
import pytest
from mcp.client.streamable_http import streamable_http_client
from protocol.support import (
    COMMAND,
    TOKEN,
    Server,
    connected,
    environment,
    http_server,
    record_of,
    text_of,
)

from bellglass.server.http.connections import WRITE_TIMEOUT_SECONDS
from bellglass.server.http.transfers import MAX_TRANSFERS_PER_SESSION

DATA = os.urandom(7_000_003)


@pytest.fixture(scope="module")
def serving() -> Generator[tuple[Server, str]]:
    with http_server(BELLGLASS_HTTP_TOKEN=TOKEN, BELLGLASS_DISK_MB="64") as (server, url):
        yield server, url.removesuffix("/mcp")


@pytest.fixture
async def http(serving: tuple[Server, str]) -> AsyncGenerator[httpx2.AsyncClient]:
    headers = {"authorization": f"Bearer {TOKEN}"}
    async with httpx2.AsyncClient(base_url=serving[1], headers=headers, timeout=60) as client:
        yield client


@pytest.fixture
async def session_id(http: httpx2.AsyncClient) -> str:
    answer = await http.post("/files/new/hello.txt", content=b"hello")
    assert answer.status_code == 201
    name: str = answer.json()["session_id"]
    return name


async def tool(http: httpx2.AsyncClient, session_id: str, code: str) -> str:
    url = f"{http.base_url}/mcp".replace("//mcp", "/mcp")
    async with connected(streamable_http_client(url, http_client=http), "modern") as client:
        arguments = {"code": code, "session_id": session_id}
        result = await client.call_tool("execute_python", arguments)
    assert record_of(result)["status"] == "ok", text_of(result)
    return text_of(result)


async def test_file_comes_back_as_it_was_sent(http: httpx2.AsyncClient, session_id: str) -> None:
    path = f"/files/{session_id}/a/b ü.html"
    sent = await http.put(path, content=DATA)
    got = await http.get(path)
    head = await http.head(path)
    some = await http.get(path, headers={"range": "bytes=2500000-2599999"})
    tail = await http.get(path, headers={"range": "bytes=-5"})
    beyond = await http.get(path, headers={"range": f"bytes={len(DATA)}-"})
    folder = await http.get(f"/files/{session_id}/a")
    seen = await tool(http, session_id, "import os; os.path.getsize('a/b ü.html')")

    digest = hashlib.sha256(DATA).hexdigest()
    assert sent.json() == {
        "session_id": session_id,
        "path": "a/b ü.html",
        "size": len(DATA),
        "sha256": digest,
    }
    assert got.content == DATA
    assert (head.headers["content-length"], head.content) == (str(len(DATA)), b"")
    assert (some.status_code, some.content) == (206, DATA[2_500_000:2_600_000])
    assert tail.content == DATA[-5:]
    assert beyond.status_code == 416
    assert folder.json()["entries"] == [{"name": "b ü.html", "bytes": len(DATA)}]
    assert seen.startswith(f"{len(DATA)}\n")
    assert got.headers["content-security-policy"].startswith("sandbox")
    assert got.headers["content-disposition"].startswith("attachment")
    assert got.headers["x-content-type-options"] == "nosniff"


async def test_upload_that_broke_off_goes_on(http: httpx2.AsyncClient, session_id: str) -> None:
    path = f"/files/{session_id}/big"

    async def broken() -> AsyncGenerator[bytes]:
        yield DATA[:3_000_000]
        raise httpx2.WriteError("the network is gone")

    await http.put(path, content=b"old")
    whole = f"bytes 0-{len(DATA) - 1}/{len(DATA)}"
    with pytest.raises(httpx2.WriteError):
        await http.put(
            path,
            content=broken(),
            headers={"content-range": whole, "content-length": str(len(DATA))},
        )
    asks = {"content-range": f"bytes */{len(DATA)}"}
    between = await http.get(path)
    with anyio.fail_after(60):
        while True:  # the server sees the end of the connection when it does
            there = (await http.put(path, headers=asks)).json()["size"]
            part = {"content-range": f"bytes {there}-{len(DATA) - 1}/{len(DATA)}"}
            rest = await http.put(path, content=DATA[there:], headers=part)
            if rest.status_code == 201:
                break
            assert (rest.status_code, rest.json()["size"] > there) == (409, True)

    assert between.content == b"old"
    assert rest.json()["sha256"] == hashlib.sha256(DATA).hexdigest()
    assert (await http.get(path)).content == DATA


async def test_full_disk_leaves_the_old_file(http: httpx2.AsyncClient, session_id: str) -> None:
    path = f"/files/{session_id}/hello.txt"

    async def endless() -> AsyncGenerator[bytes]:
        for _ in range(80):
            yield bytes(1_000_000)

    full = await http.put(path, content=endless())

    assert full.status_code == 507
    assert "delete files of the session first" in full.json()["error"]
    assert (await http.get(path)).content == b"hello"
    assert (await http.get(f"/files/{session_id}/")).json()["total"] == 1


async def test_file_that_changes_under_a_download_is_broken_off(
    http: httpx2.AsyncClient, session_id: str
) -> None:
    path = f"/files/{session_id}/changing"
    await http.put(path, content=DATA * 4)
    etag = (await http.head(path)).headers["etag"]

    async def changed_meanwhile() -> None:
        async with http.stream("GET", path) as response:
            pieces = response.aiter_raw(100_000)
            await anext(pieces)
            await http.put(path, content=b"x" * len(DATA) * 4)
            async for _ in pieces:
                pass

    with pytest.raises(httpx2.RemoteProtocolError):
        await changed_meanwhile()
    late = await http.get(path, headers={"range": "bytes=5-", "if-match": etag})

    assert late.status_code == 412


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "none", 404),
        ("GET", "../hello.txt", 404),
        ("GET", "%2e%2e/etc/passwd", 403),
        ("GET", "passwd", 403),
        ("GET", "pipe", 403),
        ("PUT", "pipe", 403),
        ("PUT", "passwd", 403),
        ("PUT", "", 403),
        ("PUT", "n" * 5000, 403),
        ("GET", "x%00y", 403),
        ("DELETE", "hello.txt", 405),
    ],
)
async def test_what_is_no_file_of_the_session_is_refused(
    http: httpx2.AsyncClient, session_id: str, method: str, path: str, status: int
) -> None:
    await tool(
        http, session_id, "import os; os.symlink('/etc/passwd', 'passwd'); os.mkfifo('pipe')"
    )

    answer = await http.request(method, f"/files/{session_id}/{path}")

    assert (answer.status_code, list(answer.json())) == (status, ["error"])


async def test_files_are_guarded_as_the_rest_is(
    serving: tuple[Server, str], session_id: str
) -> None:
    path = f"/files/{session_id}/hello.txt"
    async with httpx2.AsyncClient(base_url=serving[1]) as stranger:
        bare = await stranger.get(path)
        new = await stranger.post("/files/new/x", content=b"x")
        token = {"authorization": f"Bearer {TOKEN}"}
        foreign = await stranger.get(path, headers={**token, "host": "evil.example"})
        page = await stranger.put(path, headers={**token, "origin": "http://evil.example"})
        unknown = await stranger.get(f"/files/{'0' * 32}/hello.txt", headers=token)

    assert [a.status_code for a in (bare, new, foreign, page, unknown)] == [401, 401, 421, 403, 404]
    assert "No such session" in unknown.json()["error"]


async def test_client_that_leaves_costs_nothing(
    serving: tuple[Server, str], http: httpx2.AsyncClient, session_id: str
) -> None:
    """Neither a turn in the session nor a file."""
    await http.put(f"/files/{session_id}/big", content=DATA)
    address = urlsplit(serving[1])
    assert address.hostname is not None
    assert address.port is not None
    lines = [f"Host: {address.netloc}", f"Authorization: Bearer {TOKEN}"]
    for start in (
        [f"GET /files/{session_id}/big HTTP/1.1", *lines, "", ""],
        [f"PUT /files/{session_id}/big HTTP/1.1", *lines, "Content-Length: 9000000", "", "half"],
    ):
        with socket.create_connection((address.hostname, address.port)) as sock:
            sock.sendall("\r\n".join(start).encode())
            if start[0].startswith("GET"):
                sock.recv(1000)

    assert (await http.get(f"/files/{session_id}/big")).content == DATA


async def test_client_that_stops_reading_holds_up_no_other(
    serving: tuple[Server, str], http: httpx2.AsyncClient, session_id: str
) -> None:
    """Of a file that no buffer on the way holds."""
    path = f"/files/{session_id}/big"
    await http.put(path, content=DATA * 6)
    async with http.stream("GET", path) as response:
        pieces = response.aiter_raw(100_000)
        await anext(pieces)  # and no more
        assert (await tool(http, session_id, "6 * 7")).startswith("42\n")
        assert (await http.get(path, headers={"range": "bytes=0-4"})).content == DATA[:5]


async def test_file_that_nobody_takes_is_broken_off(
    serving: tuple[Server, str], http: httpx2.AsyncClient, session_id: str
) -> None:
    """Of a session only a few are on their way, and none of them for long."""
    path = f"/files/{session_id}/big"
    await http.put(path, content=DATA * 6)
    address = urlsplit(serving[1])
    request = (
        f"GET {path} HTTP/1.1\r\nHost: {address.netloc}\r\nAuthorization: Bearer {TOKEN}\r\n\r\n"
    )
    with contextlib.ExitStack() as readers:
        unread = [
            readers.enter_context(socket.create_connection((address.hostname, address.port)))
            for _ in range(MAX_TRANSFERS_PER_SESSION)
        ]
        for sock in unread:
            sock.sendall(request.encode())
            await anyio.wait_readable(sock)
        refused = await http.get(path)
        ended = select.poll()
        for sock in unread:
            ended.register(sock, 0)  # for its end alone, which is always told
        gone: set[int] = set()
        with anyio.fail_after(WRITE_TIMEOUT_SECONDS + 60):
            while len(gone) < len(unread):
                for descriptor, _ in await anyio.to_thread.run_sync(ended.poll, 1_000):
                    gone.add(descriptor)
                    ended.unregister(descriptor)
        again = await http.get(path, headers={"range": "bytes=0-4"})

    assert refused.status_code == 429
    assert refused.headers["retry-after"]
    assert again.content == DATA[:5]


@pytest.mark.parametrize("given", ["bytes=0-", "bytes=0-0", "bytes=5-9", "bytes=-5", "bytes=-0"])
async def test_range_of_an_empty_file_is_not_to_be_had(
    http: httpx2.AsyncClient, session_id: str, given: str
) -> None:
    path = f"/files/{session_id}/empty"
    await http.put(path, content=b"")

    answer = await http.get(path, headers={"range": given})

    assert answer.status_code == 416
    assert answer.headers["content-range"] == "bytes */0"


@pytest.mark.parametrize(
    ("given", "body"),
    [
        ("bytes 0-99/1", b"x"),
        ("bytes 5-4/10", b""),
        ("bytes 0-1/2", b"x"),
        ("bytes 0-1/2", b"xyz"),
        ("bytes 3-10/10", b"x" * 8),
        ("bytes 0-0/0", b"x"),
    ],
)
@pytest.mark.parametrize("chunked", [False, True])
async def test_range_that_is_not_that_of_the_body_is_refused(
    http: httpx2.AsyncClient, session_id: str, given: str, body: bytes, chunked: bool
) -> None:
    path = f"/files/{session_id}/hello.txt"

    async def pieces() -> AsyncGenerator[bytes]:
        yield body

    answer = await http.put(
        path, content=pieces() if chunked else body, headers={"content-range": given}
    )

    missing = chunked and (given, body) == ("bytes 0-1/2", b"x")
    assert answer.status_code == (202 if missing else 400), answer.text
    assert (await http.get(path)).content == b"hello"


def test_commands_put_and_get(serving: tuple[Server, str], tmp_path: Path) -> None:
    settings = environment({"BELLGLASS_HTTP_TOKEN": TOKEN})

    def run(*arguments: str, env: dict[str, str] = settings) -> subprocess.CompletedProcess[str]:
        command = [COMMAND, *arguments, "--url", serving[1]]
        return subprocess.run(
            command, cwd=tmp_path, env=env, capture_output=True, text=True, check=False
        )

    (tmp_path / "data").write_bytes(DATA)
    (tmp_path / "empty").touch()
    sent = run("put", "data", "there/")
    session_id = sent.stdout.split()[1]
    (tmp_path / "back").write_bytes(b"old")
    got = run("get", "/work/there/data", "back", "--session", session_id)
    empty = run("put", "empty", "--session", session_id)
    missing = run("get", "none", "back", "--session", session_id)
    stranger = run("put", "data", env=environment({}))

    assert sent.stdout == f"session_id: {session_id}\nthere/data\n"
    assert (got.returncode, got.stderr, got.stdout) == (0, "", "back\n")
    assert (tmp_path / "back").read_bytes() == DATA
    assert (empty.returncode, empty.stderr) == (0, "")
    assert "No such file or directory" in missing.stderr
    assert "BELLGLASS_HTTP_TOKEN_FILE" in stranger.stderr
    assert (missing.returncode, stranger.returncode) == (1, 1)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["back", "data", "empty"]
