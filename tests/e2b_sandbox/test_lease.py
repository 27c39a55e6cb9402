"""A sandbox lives as long as its server says so."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import anyio
from e2b_double import Fault
from e2b_sandbox.support import python, session_on, until

if TYPE_CHECKING:
    from e2b_double import Double

RENEW = "POST /sandboxes/*/timeout"


async def test_a_sandbox_outlives_its_first_lease(double: Double) -> None:
    wait = "import os, time\nwhile not os.path.exists('go'): time.sleep(0.05)\nx"
    async with session_on(double, lease_seconds=15) as session:
        await python(session, "x = 1")
        [machine] = double.engine.machines.values()
        await session.begin("python", {"code": wait}, timeout=100)
        await until(lambda: double.engine.faults.count(RENEW) >= 2)
        assert machine.ends > machine.started + 15
        await session.run("bash", {"command": "touch go"}, timeout=20)
        with anyio.fail_after(60):
            await session.runs.get("r1").outcome(end=True)
        execution = await session.look("r1")

    assert execution.value == "1"
    assert double.engine.made == 1


async def test_a_renewal_that_fails_is_tried_again(double: Double) -> None:
    double.engine.grace = 600
    async with session_on(double, lease_seconds=3) as session:
        await python(session, "x = 1")
        [machine] = double.engine.machines.values()
        renewal = Fault(RENEW, status=500, times=2)
        double.engine.faults.add(renewal)
        await until(lambda: renewal.times == 0)
        ends = machine.ends
        await until(lambda: machine.ends > ends)
        execution = await python(session, "x")

    assert execution.value == "1"
    assert double.engine.made == 1


async def test_a_call_makes_sure_of_the_lease_first(double: Double) -> None:
    async with session_on(double, lease_seconds=60) as session:
        await python(session, "x = 1")
        [lease] = session.backend._usage_meter._leases.values()  # type: ignore[attr-defined]
        lease._until -= 45
        await python(session, "x")

    assert double.engine.faults.count(RENEW) == 1


async def test_the_sandbox_is_made_as_we_want_it(double: Double) -> None:
    async with session_on(double, lease_seconds=77) as session:
        await python(session, "1")
        [machine] = double.engine.machines.values()

    assert machine.request["timeout"] == 77
    assert machine.request["allow_internet_access"] is False
    assert machine.request["autoPause"] is False
    assert machine.request["templateID"] == "code-interpreter-v1"
    assert session.id not in str(machine.request)
    assert double.engine.made_by_key


async def test_used_seconds_are_those_that_sandboxes_ran(double: Double) -> None:
    async with session_on(double) as session:
        assert session.used_seconds == 0
        await python(session, "1")
        started = time.monotonic()
        first = session.used_seconds
        await anyio.sleep(0.5)
        second = session.used_seconds
        passed = time.monotonic() - started

    assert first is not None
    assert second is not None
    assert 0.5 <= second - first <= passed
