"""Machines of dead servers, and who may end them."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from e2b_double import KEY, Fault
from e2b_sandbox.support import on, python, settings_for, until
from protocol.support import Wire

from bellglass.sandboxes.backends.e2b.machines.listing import metadata
from bellglass.sandboxes.backends.e2b.machines.orphans import OrphanSweeper
from bellglass.sandboxes.backends.e2b.machines.owner import Owner
from bellglass.sandboxes.sessions.session import Session

if TYPE_CHECKING:
    from e2b_double import Double
    from e2b_double.engine import Machine

SHORT = {"BELLGLASS_E2B_LEASE_SECONDS": "15"}
"""For who waits until it has run out."""

SERVERS = pytest.mark.timeout(300)
"""They are processes, each with all that they import."""


def server_on(double: Double, **settings: str) -> Wire:
    return Wire(**{**settings_for(double), **settings})


async def call(wire: Wire, code: str, number: int = 7) -> str:
    return await ask(wire, number, "execute_python", code=code)


async def ask(wire: Wire, number: int, tool: str, **arguments: str) -> str:
    params = {"name": tool, "arguments": arguments}
    wire.send({"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": params})
    with anyio.fail_after(100):
        while (message := await wire.receive(90)).get("id") != number:
            pass
    return "\n".join(block.get("text", "") for block in message["result"]["content"])


def machines(double: Double) -> set[str]:
    return set(double.engine.machines)


@SERVERS
async def test_the_next_server_ends_what_a_killed_one_left_and_it_cannot_go_on_with(
    double: Double, tmp_path: Path
) -> None:
    with server_on(double) as first:
        await first.initialize()
        assert "42" in await call(first, "6 * 7")
        left = machines(double)
        assert len(left) == 1
        first.process.kill()
        first.process.wait()

    with server_on(double, XDG_STATE_HOME=str(tmp_path), **SHORT) as second:
        await second.initialize()
        assert "43" in await call(second, "6 * 7 + 1")
        await until(lambda: not left & machines(double))  # long before their lease is over
        assert len(machines(double)) == 1
        second.process.stdin.close()  # type: ignore[union-attr]
        await second.ended(30)

    await until(lambda: not machines(double))  # with its lease, if it had no time to end it


@SERVERS
async def test_what_a_killed_server_left_ends_with_its_lease(double: Double) -> None:
    with server_on(double, **SHORT) as server:
        await server.initialize()
        await call(server, "1")
        server.process.kill()
        server.process.wait()

    await until(lambda: not machines(double))


@SERVERS
async def test_two_servers_leave_each_others_sandboxes_alone(double: Double) -> None:
    with server_on(double) as one, server_on(double) as other:
        for wire in (one, other):
            await wire.initialize()
            await call(wire, "x = 42")
        assert len(machines(double)) == 2
        # Each has looked for orphans by now, with the other's there to see.
        await until(lambda: double.engine.faults.count("GET /v2/sandboxes") >= 2)
        assert "42" in await call(one, "x", 8)
        assert "42" in await call(other, "x", 8)
        assert len(machines(double)) == 2


@SERVERS
async def test_the_log_tells_the_time_used_and_no_secret(double: Double) -> None:
    with server_on(double) as server:
        await server.initialize()
        text = await call(server, "1")
        session_id = text.rpartition("session_id: ")[2].strip()
        # Not left to the end of the server, which has a second or two for it.
        await ask(server, 8, "close_session", session_id=session_id)
        await until(lambda: not machines(double))
        server.process.stdin.close()  # type: ignore[union-attr]
        await server.ended(30)
        assert server.process.stderr is not None
        log = server.process.stderr.read().decode()

    assert "its session has used" in log
    for secret in (KEY, session_id, *double.engine.tokens):
        assert secret not in log


def marked(double: Double, marks: dict[str, str], **more: Any) -> str:
    request = {"templateID": "base", "timeout": 600, "metadata": marks, **more}
    machine: Machine = double.call(double.engine.create, request, None)
    return machine.id


def dead() -> Owner:
    """A process of this machine that has ended."""
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    stat = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    owner = Owner(Owner.this().host, f"{process.pid}-{stat[19]}")
    assert not owner.is_dead()
    process.communicate(b"\n")
    return owner


async def swept(double: Double) -> set[str]:
    backend = on(double)
    await OrphanSweeper(backend.client, backend.endpoint, backend._owner).sweep(set())
    return machines(double)


async def test_only_what_is_certainly_left_over_is_ended(double: Double) -> None:
    now = time.time()
    this, later = Owner.this(), now + 600
    others = {
        marked(double, {}),
        marked(double, {"app": "something else"}),
        marked(double, metadata(Owner("another", "1-1"), "p", "s", later)),
        marked(double, {"bellglass": "2"}),
    }
    ours = {
        marked(double, metadata(this, "forgotten", "s", later)),
        marked(double, metadata(dead(), "p", "s", later)),
        marked(double, metadata(Owner("another", "1-1"), "p", "s", now - 7200)),
    }

    assert await swept(double) == others
    assert not ours & machines(double)


async def test_an_engine_that_ignores_the_filter_loses_nobody_elses(double: Double) -> None:
    double.engine.ignores_filter = True
    foreign = marked(double, {"app": "something else"})

    assert await swept(double) == {foreign}


async def test_all_pages_of_the_list_are_looked_at(double: Double) -> None:
    for number in range(230):
        marked(double, metadata(Owner.this(), f"{number}", "s", time.time() + 600))

    assert await swept(double) == set()


async def test_a_paused_one_that_was_left_is_ended(double: Double) -> None:
    left = marked(double, metadata(dead(), "p", "s", time.time() + 600))
    double.call(double.engine.machines[left].pause)

    assert await swept(double) == set()


async def test_a_sandbox_that_would_not_end_is_ended_later(double: Double) -> None:
    double.engine.faults.add(Fault("DELETE /sandboxes/*", status=500))
    backend = on(double)
    async with Session.open(backend) as session:
        await python(session, "1")
    assert len(machines(double)) == 1
    await backend.aclose()

    assert machines(double) == set()


@pytest.mark.skipif(not os.path.exists("/proc/self/ns/pid"), reason="needs Linux")
def test_a_process_is_told_from_a_later_one_of_its_number() -> None:
    this = Owner.this()
    number = this.process.partition("-")[0]

    assert not this.is_dead()
    assert Owner(this.host, f"{number}-1").is_dead()
    assert Owner(this.host, "4194999-1").is_dead()
    assert not Owner("another host", "4194999-1").is_dead()
    assert not Owner(this.host, "nonsense").is_dead()
