"""Attempts of code in a sandbox to get out, to reach others, or to block the server."""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING

import anyio
import pytest
from network.support import Page, bash, kept, network, publish, python, wheel

from bellglass.sandboxes.egress import quota
from bellglass.sandboxes.egress.network import Network
from bellglass.sandboxes.egress.proxy import WRITE_TIMEOUT_SECONDS
from bellglass.sandboxes.egress.quota import MAX_FILES_AT_ONCE
from bellglass.sandboxes.egress.rules import Rules

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from network.conftest import Opened
    from network.support import Web

PROXY = ("127.0.0.1", 3128)

RAW = f"""
import socket
def raw(request, end=True):
    with socket.create_connection({PROXY}, 20) as proxy:
        proxy.sendall(request)
        if end:
            proxy.shutdown(socket.SHUT_WR)
        proxy.settimeout(20)
        answer = b""
        while part := proxy.recv(65536):
            answer += part
        return answer.decode("latin-1")
def head(line, host, *more):
    lines = (line + " HTTP/1.1", "Host: " + host, *more, "", "")
    return "\\r\\n".join(lines).encode()
def status(request):
    return int(raw(request).split()[1])
"""


@pytest.fixture
def silent() -> Generator[int]:
    """The port of a host that accepts connections, and neither reads nor writes."""
    with socket.create_server(("127.0.0.1", 0), backlog=200) as listener:
        yield int(listener.getsockname()[1])


async def test_requests_that_two_readers_would_read_as_two_things_are_refused(
    opened: Opened, host: Web
) -> None:
    where = f"127.0.0.1:{host.port}"
    bad = (
        f"GET http://{where}/ HTTP/1.1\r\nHost: other.example\r\n\r\n",
        f"GET http://{where}/ HTTP/1.1\r\nHost: {where}\r\nHost: other.example\r\n\r\n",
        f"GET http://{where}/ HTTP/1.1\r\n\r\n",
        f"GET http://user@{where}/ HTTP/1.1\r\nHost: {where}\r\n\r\n",
        f"GET http://{where}@other.example/ HTTP/1.1\r\nHost: {where}\r\n\r\n",
        f"GET http://{where}\\@other.example/ HTTP/1.1\r\nHost: {where}\r\n\r\n",
        f"GET http://{where}%00.example/ HTTP/1.1\r\nHost: {where}\r\n\r\n",
        f"GET ftp://{where}/ HTTP/1.1\r\nHost: {where}\r\n\r\n",
        f"GET https://{where}/ HTTP/1.1\r\nHost: {where}\r\n\r\n",
        f"GET / HTTP/1.1\r\nHost: {where}\r\n\r\n",
        f"CONNECT {where} HTTP/1.1\r\nHost: other.example:80\r\n\r\n",
        f"CONNECT http://{where}/ HTTP/1.1\r\nHost: {where}\r\n\r\n",
        "CONNECT 127.0.0.1 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        f"GET http://{where}/ HTTP/1.1\r\nHost: {where}\r\nA: b\nX-Evil: 1\x00\r\n\r\n",
        f"GET http://{where}/\r\nHost: {where}\r\n\r\n",
        "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + "\x00" * 100,
        "GET http://" + "a" * 100_000 + "/ HTTP/1.1\r\n\r\n",
    )
    twice = (
        f"POST http://{where}/a HTTP/1.1\r\nHost: {where}\r\nContent-Length: 4\r\n"
        "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
        f"GET http://{where}/smuggled HTTP/1.1\r\nHost: {where}\r\n\r\n"
    )
    async with opened(network("allow-list", where)) as session:
        statuses = await python(
            session, f"{RAW}[status(r.encode('latin-1')) for r in {bad!r}]", timeout=100
        )
        await python(session, f"{RAW}raw({twice.encode()!r})")
        headers = await python(
            session,
            f"{RAW}raw(head('GET http://{where}/', '{where}', 'Connection: X-Secret', "
            "'X-Secret: 1', 'Proxy-Authorization: Basic eA==', 'Keep: 1'))",
        )

    assert statuses.value is not None, statuses
    assert set(eval(statuses.value)) <= {400, 403, 404, 431}, statuses.value
    assert headers.status == "ok"
    assert host.paths() == ["/a", "/"]
    sent = {name.lower() for name in host.requests[-1][2]}
    assert sent == {"host", "keep", "connection"}


async def test_a_name_that_answers_twice_is_asked_once(opened: Opened, host: Web) -> None:
    asked: list[str] = []

    async def resolve(name: str) -> list[str]:
        asked.append(name)
        return ["93.184.215.14", "127.0.0.1"] if name == "mixed.example" else ["127.0.0.1"]

    tries = ("mixed.example", "inside.example", "0x7f.1", "2130706433", "0177.1", "[::1]",
             "[::ffff:127.0.0.1]", "[64:ff9b::7f00:1]", "169.254.169.254", "localhost", "0.0.0.0",
             "x.localhost", socket.gethostbyname(socket.gethostname()))  # fmt: skip
    requests = [
        f"CONNECT {name}:{host.port} HTTP/1.1\r\nHost: {name}:{host.port}\r\n\r\n".encode()
        for name in tries
    ]
    async with opened(Network(Rules("open", resolve=resolve))) as session:
        execution = await python(session, f"{RAW}[status(r) for r in {requests!r}]")

    assert execution.value == repr([403] * len(tries))
    assert asked == ["mixed.example", "inside.example"]
    assert host.requests == []
    assert all(not record.allowed for record in execution.network)


async def test_a_thousand_connections_that_say_nothing_cost_only_their_own_call(
    opened: Opened, silent: int
) -> None:
    listed = f"127.0.0.1:{silent}"
    async with opened(network("allow-list", listed)) as session:
        execution = await python(
            session,
            f"{RAW}import resource\nheld = []\n"
            "for n in range(900):\n"
            f"    one = socket.socket(); one.setblocking(False); one.connect_ex({PROXY})\n"
            "    held.append(one)\n"
            "len(held)",
        )
        bound = await python(session, "1 + 1", timeout=10)
        await python(session, "for one in held: one.close()\ndel held")
        after = await python(
            session,
            f"{RAW}status(head('GET http://a.example/', 'a.example'))",
        )

    assert execution.value == "900", execution
    assert bound.value == "2"
    assert after.value == "403", after


async def test_connections_of_one_session_leave_some_for_others(
    opened: Opened, silent: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quota, "MAX_OUTSIDE_CONNECTIONS", 16)
    where = f"127.0.0.1:{silent}"
    allowed = network("allow-list", where)
    many = f"""{RAW}
held = [socket.create_connection({PROXY}, 20) for _ in range(20)]
statuses = []
for one in held:
    one.sendall(head("CONNECT {where}", "{where}"))
    statuses.append(int(one.recv(1000).split()[1]))
[statuses.count(200), statuses.count(503)]
"""

    async with opened(allowed) as other:
        async with opened(allowed) as greedy:
            taken = await python(greedy, many)
            left = await python(other, many)
        async with opened(allowed) as next_one:
            again = await python(next_one, many)

    assert (taken.value, left.value) == ("[12, 8]", "[4, 16]")
    assert again.value == "[8, 12]"


async def test_hosts_that_take_nothing_and_programs_that_take_nothing_are_not_waited_for(
    opened: Opened, host: Web, silent: int
) -> None:
    host.pages["/big"] = Page(b"x" * 20_000_000)
    where = f"127.0.0.1:{host.port}"
    before = memory()
    async with opened(network("allow-list", where, f"127.0.0.1:{silent}")) as session:
        execution = await python(
            session,
            f"""
{RAW}
import threading
def tunnel(port):
    one = socket.create_connection({PROXY})
    one.sendall(head(f"CONNECT 127.0.0.1:{{port}}", f"127.0.0.1:{{port}}"))
    assert b" 200 " in one.recv(1000)
    return one
flooding = [tunnel({silent}) for _ in range(10)]
sent = 0
for one in flooding:
    one.settimeout(0.5)
    try:
        while True:
            sent += one.send(b"x" * 1_000_000)
    except TimeoutError:
        pass
unread = [tunnel({host.port}) for _ in range(10)]
for one in unread:
    one.sendall(head("GET /big", "{where}"))
sent < 200_000_000
""",
            timeout=60,
        )
        bound = await python(session, "1 + 1", timeout=10)
        grown = memory() - before

    assert execution.value == "True", execution
    assert bound.value == "2"
    assert grown < 100_000_000


@pytest.mark.timeout(300)  # it comes as base64, through two processes
async def test_a_large_file_passes_through_and_does_not_stay(opened: Opened, host: Web) -> None:
    size = 200_000_000
    host.pages["/big"] = Page(b"x" * size)
    before = memory()
    async with opened(network("allow-list", f"127.0.0.1:{host.port}")) as session:
        execution = await bash(
            session,
            'unset NO_PROXY no_proxy; python3 -c "import urllib.request as u; '
            f"r = u.urlopen('{host.url}/big'); "
            "print(sum(len(p) for p in iter(lambda: r.read(1 << 20), b'')))\"",
            timeout=250,
        )
        grown = memory() - before

    assert execution.stdout.text == f"{size}\n", execution
    assert [record.size for record in execution.network] == [size]
    assert grown < 50_000_000


async def test_a_session_reaches_no_connection_of_another(opened: Opened, host: Web) -> None:
    async with opened(network("allow-list", f"127.0.0.1:{host.port}")) as one:
        await python(one, f"{RAW}held = socket.create_connection({PROXY})")
        async with opened(network("packages")) as other:
            execution = await python(
                other,
                f"{RAW}status(head('GET {host.url}/', '127.0.0.1:{host.port}'))",
            )

    assert execution.value == "403"
    assert [record.reason for record in execution.network] == ["only packages are allowed"]
    assert host.requests == []


@pytest.mark.timeout(240)  # a deadline of half a minute is waited for
async def test_files_that_one_session_does_not_read_keep_no_other_from_the_index(
    opened: Opened, index: Web, tmp_path: Path
) -> None:
    publish(index, "big", bytes(8_000_000))
    publish(index, "alpha", wheel("alpha"))
    packages = network("packages", index=index, cache=tmp_path)

    def fetched() -> int:
        return index.paths().count("/f/big-1.0-py3-none-any.whl")

    async with opened(packages) as greedy:
        held = await python(
            greedy,
            f"{RAW}held = [socket.create_connection({PROXY}) for _ in range(50)]\n"
            "for one in held:\n"
            "    one.sendall(head('GET /files/big/big-1.0-py3-none-any.whl', '127.0.0.1:3128'))\n"
            "import select\n"
            "while len(begun := select.select(held, [], [], 25)[0]) in range(1, %d): pass\n"
            "len(begun)" % MAX_FILES_AT_ONCE,
        )
        begun = fetched()
        async with opened(packages) as other:
            installed = await bash(other, "python -m pip install -q alpha; python -m alpha")
            with anyio.fail_after(
                2 * WRITE_TIMEOUT_SECONDS
            ):  # those that take nothing make room for more
                while fetched() == MAX_FILES_AT_ONCE:  # noqa: ASYNC110 - the index is another thread's
                    await anyio.sleep(0.1)

    assert held.value == str(MAX_FILES_AT_ONCE), held
    assert installed.exit_code == 0, installed
    assert begun == MAX_FILES_AT_ONCE


async def test_a_poisoned_cache_is_not_believed(opened: Opened, index: Web, tmp_path: Path) -> None:
    publish(index, "alpha", wheel("alpha", text="value = 'right'"))
    use = "python -m pip install -q alpha && python -c 'import alpha; print(alpha.value)'"
    async with opened(network("packages", index=index, cache=tmp_path)) as session:
        await bash(session, use)
    (file,) = kept(tmp_path)
    file.write_bytes(wheel("alpha", text="value = 'evil'"))

    async with opened(network("packages", index=index, cache=tmp_path)) as session:
        execution = await bash(session, use)

    assert execution.stdout.text == "right\n", execution
    assert kept(tmp_path)[0].read_bytes() == index.pages["/f/alpha-1.0-py3-none-any.whl"].body


async def test_an_index_that_lies_leads_nowhere_else(
    opened: Opened, index: Web, host: Web, tmp_path: Path
) -> None:
    host.pages["/secret"] = Page(wheel("inner"))
    publish(index, "inner", wheel("inner"), where=f"{host.url}/secret")
    publish(index, "moved", wheel("moved"), where="/moved.whl")
    index.pages["/moved.whl"] = Page(b"", 302, {"Location": f"{host.url}/secret"})
    publish(index, "odd", wheel("odd"), where="file:///etc/passwd")
    async with opened(network("packages", index=index, cache=tmp_path)) as session:
        execution = await bash(
            session, "for name in inner moved odd; do python -m pip install $name; done; true"
        )
        paths = await bash(
            session,
            "for path in '' simple/ simple/../secret files/inner/../../etc simple/a/b/c "
            'files/inner/%2e%2e%2fpasswd simple/%00; do python3 -c "import http.client as h; '
            "c = h.HTTPConnection('127.0.0.1', 3128); c.request('GET', '/$path'); "
            'print(c.getresponse().status)"; done',
        )

    assert host.requests == []
    assert kept(tmp_path) == []
    refused = [record.reason for record in execution.network if record.file]
    assert refused[:2] == ["it is an address of this machine"] * 2, refused
    assert set(paths.stdout.text.split()) <= {"404", "400"}, paths


async def test_nothing_of_it_is_left_when_the_session_is(opened: Opened, silent: int) -> None:
    async with opened(network("allow-list", f"127.0.0.1:{silent}")) as session:
        await python(session, "1")  # connections to an engine are kept
    before = len(os.listdir("/proc/self/fd"))
    with anyio.fail_after(60):
        async with opened(network("allow-list", f"127.0.0.1:{silent}")) as session:
            execution = await python(
                session,
                f"{RAW}held = [socket.create_connection({PROXY}) for _ in range(20)]\n"
                "for one in held:\n"
                f"    one.sendall(head('CONNECT 127.0.0.1:{silent}', '127.0.0.1:{silent}'))\n"
                "[one.recv(100)[9:12] for one in held] == [b'200'] * 20",
            )

    assert execution.value == "True", execution
    assert len(os.listdir("/proc/self/fd")) <= before + 4  # a launcher keeps some


def memory() -> int:
    """Return the resident bytes of this process, which is the server here."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
