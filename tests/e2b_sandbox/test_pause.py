"""Idle sessions that are paused, and resumed with everything they had."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import anyio
from e2b_double import Fault
from e2b_sandbox.support import on, python, settled, until

from bellglass.sandboxes.sessions.sessions import Sessions

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from e2b_double import Double

    from bellglass.sandboxes.backend import Backend


@asynccontextmanager
async def sessions_on(
    double: Double, *, idle_seconds: float = 0.5, **options: Any
) -> AsyncGenerator[Sessions]:
    backend = on(double, **options)

    async def choose() -> Backend:
        return backend

    async with Sessions.open_all(
        choose, max_sessions=10, idle_seconds=idle_seconds, age_seconds=600
    ) as sessions:
        yield sessions


def states(double: Double) -> list[str]:
    return [machine.state for machine in double.engine.machines.values()]


async def test_an_idle_session_sleeps_and_wakes_with_its_variables(double: Double) -> None:
    async with sessions_on(double, pause=True) as sessions:
        session = await sessions.open()
        await python(session, "x = 41")
        await settled(session)
        await until(lambda: session.resting)
        assert states(double) == ["paused"]
        assert sessions.seconds_left(session) > 10
        after = await python(session, "x + 1")
        assert states(double) == ["running"]

        await until(lambda: session.resting)
        again = await python(session, "x + 2")

    assert (after.value, after.state, after.notices) == ("42", "kept", [])
    assert again.value == "43"
    assert double.engine.made == 1
    assert double.engine.machines == {}


async def test_a_session_with_a_background_run_stays_awake_until_that_has_ended(
    double: Double,
) -> None:
    wait = "import os, time\nwhile not os.path.exists('go'): time.sleep(0.05)\n'came to its end'"
    pauses = "POST /sandboxes/*/pause"
    async with sessions_on(double, pause=True) as sessions:
        session = await sessions.open()
        begun = await session.begin("python", {"code": wait}, timeout=60)
        session.used_at -= 60  # longer idle than any session may be
        assert sessions.seconds_left(session) > 10
        refused = await session.pause()
        paused_before = double.engine.faults.count(pauses)
        await session.run("bash", {"command": "touch go"}, timeout=20)
        with anyio.fail_after(60):
            await session.runs.get("r1").outcome(end=True)

        await until(lambda: session.resting)
        read = await session.look("r1")
        woken = session.resting
        await until(lambda: session.resting)  # and not paid for until it is too old

    assert (begun.status, refused, paused_before) == ("running", False, 0)
    assert (read.status, read.value, woken) == ("ok", "'came to its end'", False)
    assert double.engine.faults.count(pauses) == 2


async def test_without_the_setting_an_idle_session_ends(double: Double) -> None:
    async with sessions_on(double) as sessions:
        session = await sessions.open()
        await python(session, "x = 41")
        await until(lambda: not sessions.list())
        await until(lambda: not double.engine.machines)


async def test_an_engine_that_cannot_pause_costs_the_idle_session(double: Double) -> None:
    double.engine.faults.add(Fault("POST /sandboxes/*/pause", status=400, times=10))
    async with sessions_on(double, pause=True) as sessions:
        session = await sessions.open()
        await python(session, "x = 41")
        await until(lambda: not sessions.list())
        await until(lambda: not double.engine.machines)


async def test_an_engine_that_forgets_memory_is_told_and_nothing_runs_twice(
    double: Double,
) -> None:
    double.engine.forgets_memory = True
    async with sessions_on(double, pause=True) as sessions:
        session = await sessions.open()
        await python(session, "x = 41")
        await until(lambda: session.resting)
        after = await python(session, "x")
        fresh = await python(session, "'x' in globals()")

    assert after.status == "lost"
    assert "did not come back" in after.notices[0]
    assert fresh.value == "False"


async def test_a_paused_sandbox_that_is_gone_is_told(double: Double) -> None:
    async with sessions_on(double, pause=True) as sessions:
        session = await sessions.open()
        await python(session, "x = 41")
        await until(lambda: session.resting)
        [machine] = double.engine.machines.values()
        double.do(double.engine.kill(machine))
        after = await python(session, "x")

    assert after.status == "lost"
    assert "did not come back" in after.notices[0]


async def test_closing_a_paused_session_ends_its_sandbox(double: Double) -> None:
    async with sessions_on(double, pause=True) as sessions:
        session = await sessions.open()
        await python(session, "1")
        await until(lambda: session.resting)
        await sessions.close(session.id, None, "closed")
        await until(lambda: not double.engine.machines)


async def test_a_paused_sandbox_is_not_renewed_and_not_paid_for(double: Double) -> None:
    double.engine.grace = 600
    async with sessions_on(double, pause=True, lease_seconds=3) as sessions:
        session = await sessions.open()
        await python(session, "1")
        await until(lambda: session.resting)
        renewals = double.engine.faults.count("POST /sandboxes/*/timeout")
        used = session.used_seconds
        await anyio.sleep(4)  # time for four renewals; one may have been on its way
        assert session.used_seconds == used
        assert double.engine.faults.count("POST /sandboxes/*/timeout") <= renewals + 1
        assert (await python(session, "6 * 7")).value == "42"


async def test_a_sandbox_that_somebody_else_paused_is_woken(double: Double) -> None:
    async with sessions_on(double, pause=True, idle_seconds=60) as sessions:
        session = await sessions.open()
        await python(session, "x = 41")
        await settled(session)
        [machine] = double.engine.machines.values()
        double.call(machine.pause)
        await until(lambda: states(double) == ["running"])
        after = await python(session, "x + 1")

    assert after.value == "42"


async def test_the_session_for_checks_ends_when_it_is_idle(double: Double) -> None:
    async with sessions_on(double) as sessions:
        async with sessions.checking.reserved(None) as session:
            code = {"language": "python", "code": "1 +"}
            execution = await session.run("check", code, timeout=20)
        assert execution.report
        await until(lambda: not double.engine.machines)
        async with sessions.checking.reserved(None) as again:
            assert again is not session
            assert (await python(again, "6 * 7")).value == "42"
