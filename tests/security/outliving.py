"""A user of this machine whose sessions outlive their servers, with the keeper that holds them."""

from __future__ import annotations

import json
import os
import socket
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
from conftest import LIMITS
from mcp.client.streamable_http import streamable_http_client
from protocol.support import Wire, adopt_orphans, connected, http_server, sandbox_processes
from security.support import until

from bellglass.sandboxes.backends.embedded import EmbeddedBackend
from bellglass.sandboxes.sessions.sessions import Sessions

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from mcp import Client
    from protocol.support import Server

    from bellglass.sandboxes.backend import Backend
    from bellglass.sandboxes.saving.store import SessionStore

MODERN = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
    "io.modelcontextprotocol/clientCapabilities": {},
}
"""In each request, instead of `initialize`."""


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
        adopt_orphans()
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


def open_files(pid: int) -> list[str]:
    found = []
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # closed meanwhile
            found.append(os.readlink(entry))
    return found


def session_of(text: str) -> str:
    return text.rpartition("session_id: ")[2].strip()


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
