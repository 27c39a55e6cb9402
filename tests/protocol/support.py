"""`bellglass` as a process of its own, and clients for it."""

import ctypes
import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, Self

import anyio
import httpx2
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.types import CallToolResult, Implementation, TextContent

COMMAND = os.environ.get("BELLGLASS_TEST_COMMAND", str(Path(sys.executable).parent / "bellglass"))


TOKEN = "a-token-for-tests-0123456789-abcdef"

INITIALIZE = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-11-25",
        "capabilities": {},
        "clientInfo": {"name": "test", "version": "1"},
    },
}
"""How a legacy connection begins."""

BOTH_WAYS = pytest.mark.parametrize("mode", [("stdio", "modern"), ("http", "legacy")], ids="-".join)
"""For what depends on a setting and on neither transport nor era: each of these once."""

Connect = Callable[..., AbstractAsyncContextManager[Client]]
"""Opens a client in the mode of the test, to a server with the settings given."""


def environment(settings: dict[str, str]) -> dict[str, str]:
    """Return an environment with nothing of ours in it but `settings`, and nothing downloaded.

    Sessions end with their server, unless a test is about those that do not.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith("BELLGLASS_")}
    ours = {
        "BELLGLASS_SETUP": "off",
        "BELLGLASS_DETACHED_SECONDS": "0",
        "BELLGLASS_STORE": "",
    }
    return {**kept, **ours, **settings}


class Server:
    """A running `bellglass`, what it logs, and its end."""

    def __init__(self, *arguments: str, **settings: str) -> None:
        self.process = subprocess.Popen(
            [COMMAND, *arguments],
            env=environment(settings),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        self.logged: list[str] = []
        self._reader: threading.Thread | None = None

    @property
    def log(self) -> str:
        """What was logged, all of it once the process has ended."""
        if self._reader is not None:
            self._reader.join(10)
        return "".join(self.logged)

    def listening(self) -> str:
        """Wait until the server listens; return its address."""
        assert self.process.stderr is not None
        for line in self._lines():
            if match := re.search(r"Serving on (http://\S+)", line):
                # The pipe must not fill up.
                self._reader = threading.Thread(target=lambda: list(self._lines()), daemon=True)
                self._reader.start()
                return match[1]
        raise AssertionError(f"The server ended: {''.join(self.logged)}")

    def _lines(self) -> Iterator[str]:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.logged.append(line.decode())
            yield self.logged[-1]

    async def ended(self, seconds: float) -> int:
        """Wait for the end of the process; return its exit code."""
        with anyio.fail_after(seconds):
            await gone(self.process.pid)
        return self.process.wait(1)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        if self._reader is not None:
            self._reader.join(10)
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            if stream is not None:
                stream.close()
        sys.stderr.write(self.log)  # shown with a test that failed


class Wire(Server):
    """A server on stdio, spoken to in raw lines."""

    _received = b""

    def send(self, message: dict[str, Any] | bytes) -> None:
        assert self.process.stdin is not None
        data = message if isinstance(message, bytes) else json.dumps(message).encode()
        self.process.stdin.write(data + b"\n")
        self.process.stdin.flush()

    async def receive(self, seconds: float = 30) -> dict[str, Any]:
        assert self.process.stdout is not None
        descriptor = self.process.stdout.fileno()
        with anyio.fail_after(seconds):
            while b"\n" not in self._received:
                await anyio.wait_readable(descriptor)
                chunk = os.read(descriptor, 65_536)
                assert chunk, "The server closed its output."
                self._received += chunk
        line, _, self._received = self._received.partition(b"\n")
        message: dict[str, Any] = json.loads(line)
        return message

    async def ask(self, message: dict[str, Any] | bytes) -> dict[str, Any]:
        self.send(message)
        return await self.receive()

    async def initialize(self, version: str = "2025-11-25") -> None:
        await self.ask(
            {
                "jsonrpc": "2.0",
                "id": 0,
                "method": "initialize",
                "params": {
                    "protocolVersion": version,
                    "capabilities": {},
                    "clientInfo": {"name": "test", "version": "1"},
                },
            }
        )
        self.send({"jsonrpc": "2.0", "method": "notifications/initialized"})

    async def start_call(self, code: str, **arguments: Any) -> None:
        """Start a call and return when its code has printed something."""
        params = {
            "name": "execute_python",
            "arguments": {"code": code, **arguments},
            "_meta": {"progressToken": "p"},
        }
        self.send({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params})
        message = await self.receive(60)
        assert message.get("method") == "notifications/progress", message


@contextmanager
def http_server(**settings: str) -> Generator[tuple[Server, str]]:
    with Server("--http", "127.0.0.1:0", **settings) as server:
        yield server, server.listening()


@asynccontextmanager
async def connected(target: Any, era: str, seconds: float | None = 100) -> AsyncGenerator[Client]:
    with anyio.fail_after(seconds):
        info = Implementation(name="test-client", version="1")  # which gets links to files
        mode = "legacy" if era == "legacy" else "auto"
        async with Client(target, mode=mode, client_info=info) as client:
            yield client


@asynccontextmanager
async def authorized(url: str, era: str) -> AsyncGenerator[Client]:
    """Connect with the token of the tests."""
    async with (
        httpx2.AsyncClient(headers={"authorization": f"Bearer {TOKEN}"}) as http,
        connected(streamable_http_client(url, http_client=http), era) as client,
    ):
        yield client


async def offered(complete: Callable[[], Awaitable[list[str]]]) -> list[str]:
    """Ask for completions until there are some: there are none where looking takes too long."""
    with anyio.fail_after(30):
        while not (values := await complete()):  # noqa: ASYNC110 - none tells when there are some
            await anyio.sleep(0.1)
    return values


def text_of(result: CallToolResult) -> str:
    return "\n".join(block.text for block in result.content if isinstance(block, TextContent))


def record_of(result: CallToolResult) -> dict[str, Any]:
    record: dict[str, Any] = (result.meta or {})["bellglass/execution"]
    return record


def adopt_orphans() -> None:
    """Become the parent of what our servers leave behind, so that it can be told from others'.

    The launcher of a sandbox is no child of the server: it leaves its user and its session.
    """
    set_child_subreaper = 36  # include/uapi/linux/prctl.h
    assert ctypes.CDLL(None).prctl(set_child_subreaper, 1, 0, 0, 0) == 0


def sandbox_processes() -> set[int]:
    """Return the processes of sandboxes that servers of this test run started."""
    parents: dict[int, int] = {}
    sandboxed = set()
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            name, _, rest = (entry / "stat").read_text().partition("(")[2].rpartition(")")
        except OSError:
            continue
        state, parent = rest.split()[:2]
        parents[int(entry.name)] = int(parent)
        if name in ("bellglass-zyg", "bwrap") and state != "Z":
            sandboxed.add(int(entry.name))

    def ours(pid: int) -> bool:
        return pid == os.getpid() or (pid in parents and ours(parents[pid]))

    return {pid for pid in sandboxed if ours(pid)}


async def gone(*pids: int) -> None:
    """Wait until none of these processes runs."""
    for pid in pids:
        try:
            descriptor = os.pidfd_open(pid)
        except ProcessLookupError:
            continue
        try:
            await anyio.wait_readable(descriptor)
        finally:
            os.close(descriptor)
