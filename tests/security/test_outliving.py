"""Sessions that outlive their server, with a real server on stdio and the keeper of this user."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from conftest import LIMITS
from mcp.client.streamable_http import streamable_http_client
from protocol.support import (
    Wire,
    adopt_orphans,
    connected,
    http_server,
    record_of,
    sandbox_processes,
    text_of,
)
from security.support import until

from bellglass.sandboxes.backends.embedded import EmbeddedBackend
from bellglass.sandboxes.errors import SessionNotFound
from bellglass.sandboxes.sessions.sessions import Sessions

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from mcp import Client
    from protocol.support import Server

    from bellglass.sandboxes.backend import Backend
    from bellglass.sandboxes.saving.store import SessionStore

UNKNOWN = "0" * 32

MODERN = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
    "io.modelcontextprotocol/clientCapabilities": {},
}
"""In each request, instead of `initialize`."""

ENDLESS = "y = 2\nprint('on', flush=True)\nwhile True: pass"

COUNTING = """
import time
for number in range(10**6):
    print(number, flush=True)
    time.sleep(0.1)
"""


class Conversation:
    """Calls on one server, each with a session of its own unless it names one."""

    def __init__(self, wire: Wire, meta: dict[str, Any] | None = None) -> None:
        self.wire = wire
        self._meta = meta or {}
        self._calls = 100

    def send(self, tool: str, **arguments: Any) -> int:
        self._calls += 1
        params = {
            "name": tool,
            "arguments": arguments,
            "_meta": {**self._meta, "progressToken": f"p{self._calls}"},
        }
        message = {"jsonrpc": "2.0", "id": self._calls, "method": "tools/call", "params": params}
        self.wire.send(message)
        return self._calls

    async def ask(self, tool: str, **arguments: Any) -> str:
        number = self.send(tool, **arguments)
        with anyio.fail_after(60):
            while (message := await self.wire.receive(60)).get("id") != number:
                pass
        assert "result" in message, message
        return "\n".join(block.get("text", "") for block in message["result"]["content"])

    async def run(self, code: str, **arguments: Any) -> str:
        return await self.ask("execute_python", code=code, **arguments)

    async def start(self, code: str, **arguments: Any) -> None:
        """Start a call, and return when its code has printed something."""
        self.send("execute_python", code=code, timeout=60, **arguments)
        with anyio.fail_after(60):
            while (await self.wire.receive(60)).get("method") != "notifications/progress":
                pass


class Host:
    """A user of this machine, with servers one after the other and what they leave."""

    def __init__(self, runtime: Path) -> None:
        self.folder = runtime / "bellglass" / "keeper"
        self._runtime = runtime
        self._before = sandbox_processes()
        self._servers: list[int] = []

    @asynccontextmanager
    async def server(self, era: str = "legacy", **settings: str) -> AsyncGenerator[Conversation]:
        """Serve stdio as a desktop application has it; end the server politely."""
        given = {
            "XDG_RUNTIME_DIR": str(self._runtime),
            "BELLGLASS_SANDBOX": "embedded",
            "BELLGLASS_LAUNCHER": "zygote",
            "BELLGLASS_SESSION_SCOPE": "explicit",
            "BELLGLASS_DETACHED_SECONDS": "120",
            **settings,
        }
        with Wire(**given) as wire:
            self._servers.append(wire.process.pid)
            if era == "legacy":
                await wire.initialize()
            yield Conversation(wire, MODERN if era == "modern" else None)
            if wire.process.poll() is None:
                assert wire.process.stdin is not None
                wire.process.stdin.close()
                await wire.ended(20)

    @asynccontextmanager
    async def client(self, era: str) -> AsyncGenerator[tuple[Server, Client]]:
        """Serve HTTP, and connect."""
        settings = {
            "XDG_RUNTIME_DIR": str(self._runtime),
            "BELLGLASS_SANDBOX": "embedded",
            "BELLGLASS_LAUNCHER": "zygote",
            "BELLGLASS_SESSION_SCOPE": "explicit",
            "BELLGLASS_DETACHED_SECONDS": "120",
        }
        with http_server(**settings) as (server, url):
            self._servers.append(server.process.pid)
            async with connected(streamable_http_client(url), era) as client:
                yield server, client
            server.process.terminate()
            await server.ended(20)

    async def kept(self, **settings: str) -> str:
        """Have a session on a server that is killed; return its id."""
        async with self.server(**settings) as talk:
            session_id = session_of(await talk.run("x = 41"))
            await self.keeper()
            talk.wire.process.kill()
            await talk.wire.ended(20)
        return session_id

    async def keeper(self) -> int:
        """Wait until the keeper holds a sandbox; return its process id."""
        await until((self.folder / "socket").exists)
        folder = os.open(self.folder, os.O_PATH)  # the path of a socket may have 107 bytes
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as client:
            client.connect(f"/proc/self/fd/{folder}/socket")
            os.close(folder)
            answer = await anyio.to_thread.run_sync(client.recv, 100)
        number: int = json.loads(answer)["pid"]
        await until(lambda: "anon_inode:[pidfd]" in open_files(number))
        return number

    def keepers(self) -> list[int]:
        """Return the keepers that serve this folder."""
        found = []
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                arguments = (entry / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if os.fsencode(self.folder) in arguments:
                found.append(int(entry.name))
        return found

    def sandboxes(self) -> set[int]:
        return sandbox_processes() - self._before

    def groups(self) -> list[Path]:
        """Return the control groups that our servers have made."""
        names = tuple(f"bellglass-{number}-" for number in self._servers)
        return [
            Path(path, name)
            for path, directories, _ in os.walk("/sys/fs/cgroup")
            for name in directories
            if name.startswith(names)
        ]

    async def is_clean(self) -> None:
        """Wait until keeper, launchers, sandboxes, sockets and control groups are gone."""
        with anyio.fail_after(30):
            await until(lambda: not self.keepers() and not self.sandboxes())
            await until(lambda: not self.groups())
        if self.folder.exists():
            assert [path.name for path in self.folder.iterdir()] == ["lock"]


@pytest.fixture(scope="module", autouse=True)
def orphans_are_ours() -> None:
    adopt_orphans()


@pytest.fixture
async def host(tmp_path: Path) -> AsyncGenerator[Host]:
    host = Host(tmp_path)
    yield host
    await host.is_clean()


def without_time(text: str) -> str:
    return re.sub(r"\d+ s ago", "some time ago", text)


def open_files(pid: int) -> list[str]:
    found = []
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # closed meanwhile
            found.append(os.readlink(entry))
    return found


def session_of(text: str) -> str:
    return text.rpartition("session_id: ")[2].strip()


@pytest.mark.parametrize(
    ("era", "number"),
    [("legacy", signal.SIGKILL), ("modern", signal.SIGKILL), ("legacy", signal.SIGTERM)],
    ids=["killed", "killed, modern", "stopped"],
)
async def test_the_next_server_goes_on_with_variables_files_and_runs(
    host: Host, era: str, number: signal.Signals
) -> None:
    async with host.server(era) as talk:
        session_id = session_of(await talk.run("x = 41; print(file=open('kept', 'w'))"))
        assert "Started r1" in await talk.run(COUNTING, session_id=session_id, background=True)
        await talk.start(ENDLESS, session_id=session_id)
        talk.wire.process.send_signal(number)
        await talk.wire.ended(20)

    async with host.server(era) as talk:
        first = await talk.run("import os; print(x + y, os.listdir())", session_id=session_id)
        run = await talk.ask("background_run", session_id=session_id, run_id="r1", wait=0)
        another = await talk.run(COUNTING, session_id=session_id, background=True)
        second = await talk.run("x", session_id=session_id)
        await talk.ask("close_session", session_id=session_id)
        unknown = await talk.run("x", session_id=session_id)

    assert "43 ['kept']" in first
    assert "was interrupted, and is not repeated" in first
    assert "its variables and files are kept" in first
    assert "r1 goes on" in first
    assert "0\n1\n" in run
    assert "Started r2" in another
    assert "was restarted" not in second
    assert "Call again without session_id" in unknown


async def test_an_idle_session_outlives_the_end_of_input_and_its_run_can_be_read_first(
    host: Host,
) -> None:
    async with host.server() as talk:
        session_id = session_of(await talk.run("x = 41"))
        await talk.run("print('from the run')", session_id=session_id, background=True)

    async with host.server() as talk:
        run = await talk.ask("background_run", session_id=session_id, run_id="r1", wait=10)
        first = await talk.run("x + 1", session_id=session_id)
        await talk.ask("close_session", session_id=session_id)

    assert "from the run" in run
    assert "42" in first
    assert "interrupted" not in first


@pytest.mark.parametrize("era", ["legacy", "modern"])
async def test_over_http_a_killed_server_is_followed_by_one_that_goes_on(
    host: Host, era: str
) -> None:
    async with host.client(era) as (server, client):
        session_id = record_of(await client.call_tool("execute_python", {"code": "x = 41"}))[
            "session_id"
        ]
        await host.keeper()
        server.process.kill()
        await server.ended(20)

    async with host.client(era) as (_, client):
        arguments = {"code": "x + 1", "session_id": session_id}
        first = text_of(await client.call_tool("execute_python", arguments))
        await client.call_tool("close_session", {"session_id": session_id})

    assert "42" in first
    assert "its variables and files are kept" in first


async def test_what_is_not_the_session_of_the_caller_looks_like_one_that_never_was(
    host: Host,
) -> None:
    session_id = await host.kept()

    async with host.server(BELLGLASS_MEMORY_MB="256") as talk:
        other_limits = await talk.run("x", session_id=session_id)
    async with host.server(BELLGLASS_NETWORK="open") as talk:
        other_network = await talk.run("x", session_id=session_id)
    async with host.server() as talk:
        never_was = await talk.run("x", session_id=UNKNOWN)
        forged = await talk.run("x", session_id=session_id[:-1] + "0123"[session_id[-1] == "0"])
        async with host.server() as other:
            own = await talk.run("x + 1", session_id=session_id)
            of_another = await other.run("x", session_id=session_id)
        await talk.ask("close_session", session_id=session_id)

    assert "42" in own
    for text in (other_limits, other_network, forged, of_another):
        assert without_time(text) == without_time(never_was)


async def test_what_waits_can_be_closed(host: Host) -> None:
    session_id = await host.kept()

    async with host.server() as talk:
        closed = await talk.ask("close_session", session_id=session_id)
        again = await talk.run("x", session_id=session_id)

    assert "Closed." in closed
    assert "Call again without session_id" in again


async def test_a_killed_keeper_takes_what_waits_along_and_that_is_told(host: Host) -> None:
    session_id = await host.kept()
    assert host.sandboxes()
    keeper = await host.keeper()

    os.kill(keeper, signal.SIGKILL)

    with anyio.fail_after(20):
        await until(lambda: not host.sandboxes())
    async with host.server() as talk:
        lost = await talk.run("x", session_id=session_id)
        fresh = session_of(await talk.run("6 * 7"))
        await talk.ask("close_session", session_id=fresh)
    assert "Call again without session_id" in lost


async def test_a_killed_keeper_costs_a_server_nothing_and_is_replaced(host: Host) -> None:
    async with host.server() as talk:
        session_id = session_of(await talk.run("x = 41"))
        keeper = await host.keeper()
        os.kill(keeper, signal.SIGKILL)
        assert "41" in await talk.run("x", session_id=session_id)
        await until(lambda: bool(set(host.keepers()) - {keeper}))

    async with host.server() as talk:
        assert "42" in await talk.run("x + 1", session_id=session_id)
        await talk.ask("close_session", session_id=session_id)


async def test_a_stopped_keeper_ends_what_waits(host: Host) -> None:
    await host.kept()
    keeper = await host.keeper()

    os.kill(keeper, signal.SIGTERM)


async def test_what_nobody_comes_for_ends_at_its_deadline(host: Host) -> None:
    await host.kept(BELLGLASS_DETACHED_SECONDS="0.5")


@pytest.mark.parametrize(
    "settings",
    [{"BELLGLASS_DETACHED_SECONDS": "0"}, {"BELLGLASS_SESSION_SCOPE": "connection"}],
    ids=["switched off", "of a connection"],
)
async def test_without_need_there_is_no_keeper_and_nothing_outlives(
    host: Host, settings: dict[str, str]
) -> None:
    async with host.server(**settings) as talk:
        await talk.run("x = 41")
        assert host.sandboxes()
        talk.wire.process.kill()
        await talk.wire.ended(20)

    with anyio.fail_after(20):
        await until(lambda: not host.sandboxes())
    assert host.keepers() == []
    assert not host.folder.exists()
    async with host.server(**settings) as talk:
        await talk.run("6 * 7")  # which removes the control group of the server before it


STRANGER = """
import os, socket, sys
os.setgid(60943); os.setuid(60943)
with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as stranger:
    stranger.connect(sys.argv[1])
    sys.exit(len(stranger.recv(100)))
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
async def test_the_keeper_serves_no_other_user() -> None:
    with TemporaryDirectory() as runtime:  # nobody else may enter a folder of pytest's
        os.chmod(runtime, 0o755)
        host = Host(Path(runtime))
        async with host.server() as talk:
            session_id = session_of(await talk.run("x = 41"))
            await host.keeper()
            path = host.folder / "socket"
            command = [sys.executable, "-I", "-S", "-c", STRANGER, str(path)]
            outside = subprocess.run(command, capture_output=True, check=False)  # noqa: ASYNC221
            host.folder.parent.chmod(0o755)
            host.folder.chmod(0o755)
            path.chmod(0o666)
            inside = subprocess.run(command, capture_output=True, check=False)  # noqa: ASYNC221
            host.folder.chmod(0o700)
            await talk.ask("close_session", session_id=session_id)
        await host.is_clean()

    assert b"PermissionError" in outside.stderr
    assert (inside.returncode, inside.stderr) == (0, b"")  # the connection was closed


async def test_a_folder_that_others_may_write_to_is_not_used(host: Host) -> None:
    host.folder.mkdir(parents=True)
    host.folder.chmod(0o777)
    async with host.server() as talk:
        await talk.run("x = 41")

    with anyio.fail_after(20):
        await until(lambda: not host.sandboxes())
    host.folder.chmod(0o700)
    assert list(host.folder.iterdir()) == []
    host.folder.rmdir()


async def test_a_session_is_only_for_the_owner_that_it_had(tmp_path: Path) -> None:
    session_id = await left_by_alice(tmp_path)
    async with sessions_of(tmp_path) as sessions:
        for stranger in ("mallory", None):
            with pytest.raises(SessionNotFound):
                await sessions.find(session_id, stranger)
        session = await sessions.find(session_id, "alice")
        with pytest.raises(SessionNotFound):
            await sessions.find(session_id, "mallory")
        after = await session.run("python", {"code": "x + 1"}, timeout=10)
        await sessions.close(session_id, "alice", "the test is over")

    assert after.value == "42"


async def left_by_alice(folder: Path) -> str:
    async with sessions_of(folder) as sessions:
        session = await sessions.open("alice")
        await session.run("python", {"code": "x = 41"}, timeout=10)
        return session.id


@asynccontextmanager
async def sessions_of(folder: Path, store: SessionStore | None = None) -> AsyncGenerator[Sessions]:
    """Serve sessions as a server does; leaving the context is its end."""
    backend = EmbeddedBackend(LIMITS, launcher="zygote", keeper=folder)

    async def choose() -> Backend:
        return backend

    async with Sessions.open_all(
        choose,
        max_sessions=4,
        idle_seconds=600,
        age_seconds=3600,
        detached_seconds=60,
        store=store,
    ) as sessions:
        yield sessions


async def test_a_session_is_held_once_however_many_servers_had_it(host: Host) -> None:
    session_id = await left_by_alice(host.folder)
    for number in range(3):
        async with sessions_of(host.folder) as sessions:
            session = await sessions.find(session_id, "alice")
            assert (await session.run("python", {"code": f"x + {number}"}, timeout=10)).value

    keeper = await host.keeper()
    await until(lambda: open_files(keeper).count("anon_inode:[pidfd]") == 1)
    async with sessions_of(host.folder) as sessions:
        await sessions.find(session_id, "alice")
        await sessions.close(session_id, "alice", "the test is over")
