"""Hiccups behind a proxy that offers HTTP/2, where one connection carries all sessions.

We ask for HTTP/1.1. What holds over HTTP/2 all the same is tried with that request taken back.
"""

from __future__ import annotations

from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING

import anyio
import pytest
from absent import absent
from e2b_double import Fault, Front, Wire
from e2b_double.front import PROXY
from e2b_sandbox.support import python, session_on, settled
from e2b_sandbox.test_hiccups import LATE, SLOW, cut_all
from meanwhile import while_running

from bellglass.sandboxes.backends.e2b import endpoint, patience

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Generator

    from e2b_double import Double

    from bellglass.sandboxes.sessions.session import Session

    Hiccup = Callable[[Double, Wire], Awaitable[None]]

pytestmark = pytest.mark.timeout(300)

SESSIONS = 3


@pytest.fixture(params=["http/1.1", "h2"])
def spoken(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The protocol that the SDK comes to speak, with connections of this test's own."""
    from pyqwest import HTTPTransport

    monkeypatch.setattr("e2b.api.client_async.HTTPTransport", HTTPTransport)
    for name in ("_pools", "_transports", "_httpx_transports"):
        monkeypatch.setattr(f"e2b.api.client_async.{name}", {}, raising=False)
    # The older SDK has four connections, each for some of the sessions.
    monkeypatch.setattr("e2b.api.envd_pool_shards", 1, raising=False)
    protocol: str = request.param
    if protocol == "h2":
        monkeypatch.setattr(endpoint, "http_1_1", dict)
    return protocol


@pytest.fixture
def wire(double: Double, spoken: str, monkeypatch: pytest.MonkeyPatch) -> Generator[Wire]:
    """The way to the proxy."""
    if PROXY is None:
        absent("nghttpx is not installed")
    with Front(double) as front, Wire(double, front) as wire:
        monkeypatch.setenv("SSL_CERT_FILE", front.authority)
        yield wire
        assert front.protocols() == {spoken}


@asynccontextmanager
async def some_sessions(double: Double, wire: Wire, spoken: str) -> AsyncGenerator[list[Session]]:
    """Open sessions, each with a variable."""
    async with AsyncExitStack() as stack:
        urls = {"api_url": wire.url, "sandbox_url": wire.url}
        sandboxes = [session_on(double, **urls) for _ in range(SESSIONS)]
        sessions = [await stack.enter_async_context(session) for session in sandboxes]
        for number, session in enumerate(sessions):
            await python(session, f"x = {number}")
            await settled(session)
        assert (wire.connections == 1) == (spoken == "h2")
        yield sessions


async def silent_connections(double: Double, wire: Wire) -> None:
    double.call(wire.silence_connections)


async def silent_network(double: Double, wire: Wire) -> None:
    double.call(wire.silence, True)
    await anyio.sleep(60)  # what is waited out is time itself
    double.call(wire.silence, False)


async def lying_proxy(double: Double, wire: Wire) -> None:
    body = '{"sandboxId": "i", "message": "The sandbox was not found", "code": 502}'
    for name in ("SendInput", "Connect"):
        fault = Fault(f"POST /process.Process/{name}", status=502, body=body, times=2 * SESSIONS)
        double.engine.faults.add(fault)
    double.call(cut_all, double)


async def failing_control_plane(double: Double, wire: Wire) -> None:
    double.engine.faults.add(
        Fault("GET /sandboxes/*", status=500, times=2 * SESSIONS),
        Fault("POST /process.Process/*", status=502, body="not found", times=2 * SESSIONS),
    )
    double.call(cut_all, double)


async def control_plane_that_is_out(double: Double, wire: Wire) -> None:
    outage = Fault("* /sandboxes*", status=500, times=1_000_000)
    double.engine.faults.add(outage)
    double.call(cut_all, double)
    await anyio.sleep(10)  # the calls go on meanwhile, over new connections
    outage.times = 0


async def machines_that_stand_still(double: Double, wire: Wire) -> None:
    machines = list(double.engine.machines.values())
    for machine in machines:
        double.call(machine.stand_still)
    await anyio.sleep(15)  # longer than any one attempt
    for machine in machines:
        double.call(machine.go_on)


HICCUPS = [
    silent_connections,
    silent_network,
    lying_proxy,
    failing_control_plane,
    control_plane_that_is_out,
    machines_that_stand_still,
]


async def kept(sessions: list[Session], double: Double) -> None:
    """Assert that each session goes on with its variable, in the machine that it had."""

    async def has(session: Session, number: int) -> None:
        after = await python(session, "x", timeout=60)
        assert (after.value, after.state, after.notices) == (str(number), "kept", [])

    async with anyio.create_task_group() as tasks:
        for number, session in enumerate(sessions):
            tasks.start_soon(has, session, number)
    assert double.engine.made == SESSIONS


@pytest.mark.parametrize("hiccup", HICCUPS, ids=lambda hiccup: hiccup.__name__)
async def test_a_hiccup_during_calls_costs_no_session(
    double: Double, wire: Wire, spoken: str, hiccup: Hiccup
) -> None:
    async with some_sessions(double, wire, spoken) as sessions:

        async def call_in(rest: list[Session]) -> None:
            """Call in each session, one while another goes on, and have the hiccup in all."""
            if rest:
                execution = await while_running(rest[0], partial(call_in, rest[1:]), SLOW)
                assert (execution.status, execution.value) == ("ok", "39")
            else:
                await hiccup(double, wire)

        with anyio.fail_after(patience.MAX_UNREACHABLE_SECONDS + LATE):
            await call_in(sessions)
        await kept(sessions, double)


async def test_a_connection_that_dies_between_calls_costs_no_session(
    double: Double, wire: Wire, spoken: str
) -> None:
    async with some_sessions(double, wire, spoken) as sessions:
        double.call(wire.silence_connections)
        with anyio.fail_after(patience.MAX_UNREACHABLE_SECONDS + LATE):
            await kept(sessions, double)
