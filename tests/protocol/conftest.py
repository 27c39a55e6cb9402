"""Fixtures that run a test over both transports and in both protocol eras."""

import os
from collections.abc import AsyncGenerator, Generator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TextIO

import anyio
import pytest
from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp.client.streamable_http import streamable_http_client
from protocol.shared import SharedClients
from protocol.support import (
    COMMAND,
    Connect,
    Wire,
    adopt_orphans,
    connected,
    environment,
    http_server,
)

MODES = [(transport, era) for transport in ("stdio", "http") for era in ("legacy", "modern")]


@pytest.fixture(scope="session", autouse=True)
def orphans_are_ours() -> None:
    adopt_orphans()


@pytest.fixture
async def wire() -> AsyncGenerator[Wire]:
    with Wire() as server:
        await server.initialize()
        yield server


@pytest.fixture(scope="module")
async def lasting_wire() -> AsyncGenerator[Wire]:
    """One server for all tests of a file after which it has to go on."""
    with Wire() as server:
        await server.initialize()
        yield server


@pytest.fixture(scope="session")
def http_url() -> Generator[str]:
    """One server for every test that leaves the settings alone.

    Each test is another caller, whose sessions no other's need ends: there is room for all.
    """
    with http_server(BELLGLASS_MAX_SESSIONS="2000") as (_, url):
        yield url


@pytest.fixture(scope="session")
def explicit_url() -> Generator[str]:
    with http_server(BELLGLASS_SESSION_SCOPE="explicit", BELLGLASS_MAX_SESSIONS="2000") as (_, url):
        yield url


@pytest.fixture(params=MODES, ids="-".join)
def mode(request: pytest.FixtureRequest) -> tuple[str, str]:
    transport, era = request.param
    return transport, era


@pytest.fixture(scope="session")
def nowhere() -> Generator[TextIO]:
    with open(os.devnull, "w") as file:
        yield file


@pytest.fixture(scope="session")
async def shared(nowhere: TextIO) -> AsyncGenerator[SharedClients]:
    def open_client(era: str, sessions: str) -> AbstractAsyncContextManager[Client]:
        settings = {"BELLGLASS_SESSION_SCOPE": sessions}
        parameters = StdioServerParameters(command=COMMAND, env=environment(settings))
        return connected(stdio_client(parameters, errlog=nowhere), era, seconds=None)

    clients = SharedClients(open_client)
    yield clients
    await clients.aclose()


@pytest.fixture
def seconds(request: pytest.FixtureRequest) -> float:
    """How long a test may have a client: less than the test has, so that it ends in order."""
    marker = request.node.get_closest_marker("timeout")
    return marker.args[0] - 20 if marker else 100


@pytest.fixture
def connect(
    mode: tuple[str, str], nowhere: TextIO, seconds: float, request: pytest.FixtureRequest
) -> Connect:
    """Return a way to open clients in the mode of this test, to a server with these settings."""
    transport, era = mode

    @asynccontextmanager
    async def over_stdio(**settings: str) -> AsyncGenerator[Client]:
        parameters = StdioServerParameters(command=COMMAND, env=environment(settings))
        async with connected(stdio_client(parameters, errlog=nowhere), era, seconds) as client:
            yield client

    @asynccontextmanager
    async def over_http(**settings: str) -> AsyncGenerator[Client]:
        if not settings:
            url = request.getfixturevalue("http_url")
            async with connected(streamable_http_client(url), era, seconds) as client:
                yield client
            return
        with http_server(**settings) as (_, url):
            async with connected(streamable_http_client(url), era, seconds) as client:
                yield client

    return over_stdio if transport == "stdio" else over_http


@pytest.fixture
async def client(
    mode: tuple[str, str], shared: SharedClients, seconds: float, request: pytest.FixtureRequest
) -> AsyncGenerator[Client]:
    """A client without sessions yet, of a server that other tests have used."""
    async with _client(mode, shared, "connection", seconds, request) as client:
        yield client


@pytest.fixture
async def explicit(
    mode: tuple[str, str], shared: SharedClients, seconds: float, request: pytest.FixtureRequest
) -> AsyncGenerator[Client]:
    """The same, of a server on which each call without a session starts one."""
    async with _client(mode, shared, "explicit", seconds, request) as client:
        yield client


@asynccontextmanager
async def _client(
    mode: tuple[str, str],
    shared: SharedClients,
    sessions: str,
    seconds: float,
    request: pytest.FixtureRequest,
) -> AsyncGenerator[Client]:
    transport, era = mode
    if transport == "http":
        url = request.getfixturevalue("http_url" if sessions == "connection" else "explicit_url")
        async with connected(streamable_http_client(url), era, seconds) as client:
            yield client
        return
    with anyio.fail_after(seconds):
        yield await shared.get(era, sessions)
        await shared.leave(era, sessions)
