"""Access control of the HTTP server."""

import contextlib
import resource
import select
import socket
from collections.abc import AsyncGenerator, Generator
from urllib.parse import urlsplit

import anyio
import httpx2
import pytest
from protocol.support import INITIALIZE, TOKEN, Server, authorized, http_server, text_of

from bellglass.server.http.bodies import MAX_BODIES_BYTES
from bellglass.server.http.connections import MAX_CONNECTIONS
from bellglass.server.http.serving import MAX_BODY_BYTES

HEADERS = {"content-type": "application/json", "accept": "application/json, text/event-stream"}
PING = b'{"jsonrpc":"2.0","id":1,"method":"ping"}'


@pytest.fixture
async def http(http_url: str) -> AsyncGenerator[httpx2.AsyncClient]:
    base = http_url.removesuffix("/mcp")
    async with httpx2.AsyncClient(base_url=base, headers=HEADERS, timeout=30) as http:
        yield http


@pytest.fixture(scope="module")
def guarded_url() -> Generator[str]:
    with http_server(BELLGLASS_HTTP_TOKEN=TOKEN) as (_, url):
        yield url


@pytest.mark.parametrize(
    "host",
    ["evil.example", "localhost:1.evil.example", "localhost", "localhost:1", "127.0.0.1.evil", ""],
)
async def test_foreign_host_is_misdirected(http: httpx2.AsyncClient, host: str) -> None:
    response = await http.post("/mcp", content=PING, headers={"host": host})

    assert response.status_code in (400, 421)


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1", "[::1]", "LOCALHOST"])
async def test_own_host_is_served(http: httpx2.AsyncClient, http_url: str, name: str) -> None:
    host = f"{name}:{urlsplit(http_url).port}"

    assert (await http.get("/health", headers={"host": host})).status_code == 200


@pytest.mark.parametrize(
    "origin",
    ["http://evil.example", "null", "http://localhost:3000", "http://localhost:{port}.evil", ""],
)
async def test_web_page_of_another_origin_is_refused(
    http: httpx2.AsyncClient, http_url: str, origin: str
) -> None:
    origin = origin.replace("{port}", str(urlsplit(http_url).port))

    response = await http.post("/mcp", content=PING, headers={"origin": origin})

    assert response.status_code == 403


async def test_no_page_is_allowed_by_a_preflight(http: httpx2.AsyncClient, http_url: str) -> None:
    own = f"http://localhost:{urlsplit(http_url).port}"
    for origin in (own, "http://evil.example"):
        response = await http.options("/mcp", headers={"origin": origin})

        assert not [name for name in response.headers if name.startswith("access-control")]


async def test_health_tells_nothing_else(http: httpx2.AsyncClient) -> None:
    response = await http.get("/health")

    assert response.json() == {"status": "ok"}
    assert "server" not in response.headers


@pytest.mark.parametrize(("method", "path"), [("GET", "/"), ("POST", "/x"), ("GET", "/docs")])
async def test_other_paths_are_not_there(http: httpx2.AsyncClient, method: str, path: str) -> None:
    assert (await http.request(method, path)).status_code == 404


@pytest.mark.parametrize("method", ["GET", "DELETE", "HEAD", "TRACE", "PUT"])
async def test_other_methods_are_refused(http: httpx2.AsyncClient, method: str) -> None:
    assert (await http.request(method, "/mcp")).status_code in (400, 405, 406)


@pytest.mark.parametrize("body", [b"junk", b"[" * 20_000, b'{"a":"\\ud800"}', b"\xff\xfe", b""])
async def test_body_that_is_no_request_is_refused(http: httpx2.AsyncClient, body: bytes) -> None:
    assert (await http.post("/mcp", content=body)).status_code == 400


async def test_body_over_the_cap_is_refused(http: httpx2.AsyncClient) -> None:
    async def chunks() -> AsyncGenerator[bytes]:
        for _ in range(9):
            yield b" " * 1_000_000

    assert (await http.post("/mcp", content=b" " * 9_000_000)).status_code == 413
    assert (await http.post("/mcp", content=chunks())).status_code == 413


@pytest.mark.timeout(150)
async def test_bodies_that_do_not_end_are_bounded_and_keep_no_plain_request_out(
    http: httpx2.AsyncClient, http_url: str
) -> None:
    """Of the largest size that one may have, and one byte short of it."""
    address = ("127.0.0.1", urlsplit(http_url).port)
    size = MAX_BODY_BYTES
    lines = ("POST /mcp HTTP/1.1", f"Host: localhost:{address[1]}", f"Content-Length: {size}", "")
    head = "\r\n".join((*lines, ""))
    answers = []
    with contextlib.ExitStack() as senders:
        for _ in range(MAX_BODIES_BYTES // size + 2):
            sender = senders.enter_context(socket.create_connection(address, timeout=30))
            with contextlib.suppress(ConnectionError):
                sender.sendall(head.encode() + b" " * (size - 1))
            sender.setblocking(False)
            answers.append(sender)
        # Which of them finds no room depends on how far the server has read each one.
        ready, _, _ = await anyio.to_thread.run_sync(select.select, answers, [], [], 60)
        refused = ready[0].recv(1000)
        plain = await http.post("/mcp", content=b"junk")
    with anyio.fail_after(60):  # the server sees them leave in its time
        while (await http.post("/mcp", content=b" " * (size // 2))).status_code == 503:  # noqa: ASYNC110
            await anyio.sleep(0.1)

    assert refused.startswith(b"HTTP/1.1 503 ")
    assert b"retry-after" in refused
    assert plain.status_code == 400


async def test_form_of_a_web_page_is_refused(http: httpx2.AsyncClient) -> None:
    response = await http.post("/mcp", content=PING, headers={"content-type": "text/plain"})

    assert response.status_code == 400


@pytest.mark.parametrize("authorization", [None, "Bearer wrong", f"Basic {TOKEN}", "Bearer", TOKEN])
@pytest.mark.parametrize("path", ["/mcp", "/x", f"/mcp?access_token={TOKEN}", "/health/x"])
async def test_nothing_is_served_without_the_token(
    guarded_url: str, path: str, authorization: str | None
) -> None:
    headers = HEADERS | ({"authorization": authorization} if authorization else {})
    async with httpx2.AsyncClient(base_url=guarded_url.removesuffix("/mcp")) as http:
        response = await http.post(path, content=PING, headers=headers)

    assert response.status_code == 401
    assert response.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("era", ["legacy", "modern"])
async def test_token_opens_the_server(guarded_url: str, era: str) -> None:
    async with authorized(guarded_url, era) as client:
        result = await client.call_tool("execute_python", {"code": "40 + 2"})

    assert text_of(result).startswith("42\n")


@pytest.mark.parametrize(
    ("arguments", "settings", "said"),
    [
        (("--http", "0.0.0.0:0"), {}, "BELLGLASS_HTTP_TOKEN"),
        (("--http", "0.0.0.0:0"), {"BELLGLASS_HTTP_TOKEN": TOKEN}, "BELLGLASS_HTTP_HOSTS"),
        (("--http", "[::]:0"), {"BELLGLASS_HTTP_HOSTS": "a.example"}, "BELLGLASS_HTTP_TOKEN"),
        (("--http", "127.0.0.1:0"), {"BELLGLASS_HTTP_TOKEN": "short"}, "too easy to guess"),
        (("--http", "127.0.0.1:0"), {"BELLGLASS_HTTP_TOKEN": "a" * 40}, "too easy to guess"),
        (("--http", "127.0.0.1:0"), {"BELLGLASS_HTTP_TOKEN_FILE": "/nowhere"}, "cannot be read"),
        (("--http", "127.0.0.1"), {}, "HOST:PORT"),
        (("--http", "127.0.0.1:0"), {"BELLGLASS_HTTP_HOSTS": "a b"}, "BELLGLASS_HTTP_HOSTS"),
        ((), {"BELLGLASS_MAX_SESION": "1"}, "Did you mean BELLGLASS_MAX_SESSIONS?"),
    ],
)
async def test_unsafe_or_wrong_settings_stop_the_start(
    arguments: tuple[str, ...], settings: dict[str, str], said: str
) -> None:
    with Server(*arguments, **settings) as server:
        assert await server.ended(20) == 2
        assert server.process.stderr is not None
        *_, line = server.process.stderr.read().decode().splitlines()

    assert line.startswith("bellglass: ")
    assert said in line
    assert TOKEN not in line


async def test_wide_address_with_token_and_hosts_is_served() -> None:
    settings = {"BELLGLASS_HTTP_TOKEN": TOKEN, "BELLGLASS_HTTP_HOSTS": "sandbox.example"}
    with Server("--http", "0.0.0.0:0", **settings) as server:
        port = urlsplit(server.listening()).port
        async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}") as http:
            right = await http.get("/health", headers={"host": f"sandbox.example:{port}"})
            wrong = await http.get("/health")

    assert (right.status_code, wrong.status_code) == (200, 421)


async def test_stream_is_opened_whatever_event_the_client_saw_last(
    http: httpx2.AsyncClient,
) -> None:
    """Nothing is stored that could be sent again: it goes on from here."""
    opened = await http.post("/mcp", json=INITIALIZE)
    headers = {"mcp-session-id": opened.headers["mcp-session-id"], "last-event-id": "5"}

    async with http.stream("GET", "/mcp", headers=headers) as response:
        assert response.status_code == 200
        assert response.headers["content-type"].startswith("text/event-stream")


@pytest.mark.parametrize("version", [None, "2026-07-28"])
@pytest.mark.parametrize(
    ("given", "named"),
    [("1.5", 1.5), ("-2e3", -2000.0), ("null", None), ("true", None), ("[1]", None), ("{}", None)],
)
async def test_request_with_an_id_of_another_type_is_answered(
    http: httpx2.AsyncClient, given: str, named: float | None, version: str | None
) -> None:
    headers = {"mcp-protocol-version": version} if version else {}
    message = f'{{"jsonrpc": "2.0", "id": {given}, "method": "ping", "params": {{"id": "x"}}}}'

    response = await http.post("/mcp", content=message, headers=headers)

    assert response.status_code == 400
    assert response.json()["id"] == named
    assert response.json()["error"]["code"] == -32600


async def test_request_with_two_lengths_is_refused(http_url: str) -> None:
    """Whoever is between us and the client could take the rest for another request."""
    address = ("127.0.0.1", urlsplit(http_url).port)
    lines = [
        b"POST /mcp HTTP/1.1",
        f"Host: localhost:{address[1]}".encode(),
        b"Content-Length: 4",
        b"Transfer-Encoding: chunked",
        b"",
        b"0\r\n\r\nGET /health HTTP/1.1\r\n\r\n",
    ]
    with socket.create_connection(address, timeout=30) as sock:
        sock.sendall(b"\r\n".join(lines))
        answer = b"".join(iter(lambda: sock.recv(1000), b""))

    assert answer.startswith(b"HTTP/1.1 400 ")
    assert answer.count(b"HTTP/1.1") == 1


async def test_client_that_sends_no_headers_is_dropped(http_url: str) -> None:
    address = ("127.0.0.1", urlsplit(http_url).port)
    with socket.create_connection(address) as slow:
        slow.sendall(b"POST /mcp HTTP/1.1\r\n")
        with anyio.fail_after(40):
            await anyio.wait_readable(slow)

        assert slow.recv(1000) == b""


async def test_strangers_that_say_nothing_keep_nobody_out(guarded_url: str) -> None:
    """More half requests than there may be connections, from the same address."""
    descriptors = resource.getrlimit(resource.RLIMIT_NOFILE)
    if descriptors[1] < 2_000:
        pytest.skip("needs 2,000 descriptors")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(2_000, descriptors[0]), descriptors[1]))
    address = ("127.0.0.1", urlsplit(guarded_url).port)
    try:
        with contextlib.ExitStack() as strangers:
            for _ in range(MAX_CONNECTIONS + 10):
                stranger = strangers.enter_context(socket.create_connection(address))
                stranger.sendall(b"POST /mcp HTTP/1.1\r\n")
            async with authorized(guarded_url, "legacy") as client:
                result = await client.call_tool("execute_python", {"code": "40 + 2"})
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, descriptors)

    assert text_of(result).startswith("42\n")
