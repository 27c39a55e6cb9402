"""Interruptions of some seconds delay calls, and lose no session: docs/e2b.md has the table."""

from __future__ import annotations

import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING

import anyio
import pytest
from anyio import to_thread
from e2b_double import Double, Fault, Wire
from e2b_sandbox.support import python, session_on, settled, until
from meanwhile import while_running

from bellglass.sandboxes.backends.e2b import patience
from bellglass.sandboxes.backends.e2b.program import starting
from bellglass.sandboxes.backends.e2b.stream import stream
from bellglass.sandboxes.errors import SandboxUnavailable, SessionUnreachable
from bellglass.sandboxes.sessions.notices import REACHED_AGAIN

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from bellglass.sandboxes.sessions.session import Session

LATE = 30.0
"""Seconds beyond what is waited for, on a busy machine."""

SLOW = "import time\nprint('it runs', flush=True)\nfor i in range(40):\n    time.sleep(0.1)\ni"


@contextmanager
def wired(double: Double) -> Generator[tuple[Wire, dict[str, str]]]:
    """Put a wire before the machines of the double, and before its control plane."""
    with Wire(double) as wire:
        yield wire, {"api_url": wire.url, "sandbox_url": wire.url}


async def ready(session: Session) -> None:
    """Set a variable, and have the supervisor make its copy of it."""
    await python(session, "x = 41")
    await settled(session)


async def kept(session: Session, double: Double) -> None:
    """Assert that the session goes on with its variable, in the machine that it had."""
    after = await python(session, "x + 1")
    assert (after.value, after.state, after.notices) == ("42", "kept", [])
    assert double.engine.made == 1


async def test_connections_that_die_in_silence_between_calls_cost_no_session(
    double: Double,
) -> None:
    with wired(double) as (wire, urls):
        async with session_on(double, **urls) as session:
            await ready(session)
            double.call(wire.silence_connections)
            with anyio.fail_after(patience.MAX_UNREACHABLE_SECONDS + LATE):
                await kept(session, double)


async def test_connections_that_die_in_silence_during_a_call_cost_no_session(
    double: Double,
) -> None:
    with wired(double) as (wire, urls):
        async with session_on(double, **urls) as session:
            await ready(session)

            async def silence() -> None:
                double.call(wire.silence_connections)

            with anyio.fail_after(patience.MAX_UNREACHABLE_SECONDS + LATE):
                execution = await while_running(session, silence, SLOW)
            assert (execution.status, execution.value) == ("ok", "39")
            await kept(session, double)


@pytest.mark.timeout(300)
async def test_a_network_that_is_silent_for_a_minute_costs_no_session(double: Double) -> None:
    with wired(double) as (wire, urls):
        async with session_on(double, **urls) as session:
            await ready(session)

            async def silence() -> None:
                double.call(wire.silence, True)

            async def end_later() -> None:
                await anyio.sleep(60)  # what is waited out is time itself
                double.call(wire.silence, False)

            async with anyio.create_task_group() as tasks:
                tasks.start_soon(end_later)
                with anyio.fail_after(patience.MAX_UNREACHABLE_SECONDS + LATE):
                    execution = await while_running(session, silence, SLOW)
            assert (execution.status, execution.value) == ("ok", "39")
            await kept(session, double)


def slow_profile(double: Double, folder: Path) -> Path:
    """Have a profile take long; return the file that is there when it is at it."""
    mark = folder / "begun"
    double.engine.profile = f"sleep 1; touch '{mark}'; sleep 1"
    return mark


async def test_output_that_dies_in_silence_during_a_start_costs_seconds(
    double: Double, tmp_path: Path
) -> None:
    begun = slow_profile(double, tmp_path)
    with wired(double) as (wire, urls):
        async with session_on(double, **urls) as session, anyio.create_task_group() as tasks:

            async def silence() -> None:
                await until(begun.exists)
                double.call(wire.silence_connections)

            tasks.start_soon(silence)
            assert (await python(session, "6 * 7")).value == "42"

    assert double.engine.made == 1


async def test_a_network_that_is_silent_during_a_start_is_not_taken_for_a_profile_that_waits(
    double: Double, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(starting, "NUDGE_INTERVAL_SECONDS", 0.5)
    monkeypatch.setattr(starting, "START_TIMEOUT_SECONDS", 8.0)
    begun = slow_profile(double, tmp_path)
    with wired(double) as (wire, urls):
        options = {**urls, "api_url": double.url}
        async with session_on(double, **options) as session, anyio.create_task_group() as tasks:

            async def silence() -> None:
                await until(begun.exists)
                double.call(wire.silence, True)

            tasks.start_soon(silence)
            with pytest.raises(SandboxUnavailable, match="could not be reached while our program"):
                await python(session, "1")

    await until(lambda: not double.engine.machines)


async def test_a_proxy_that_does_not_find_a_machine_for_a_moment_is_not_believed(
    double: Double,
) -> None:
    body = '{"sandboxId": "i", "message": "The sandbox was not found", "code": 502}'
    headers = {"content-type": "application/json"}
    async with session_on(double) as session:
        await ready(session)
        wrong = [
            Fault(f"POST /process.Process/{name}", status=502, body=body, headers=headers, times=3)
            for name in ("SendInput", "Connect")
        ]
        double.engine.faults.add(*wrong, Fault("GET /health", status=502, body=body, times=3))
        double.call(cut_all, double)
        await kept(session, double)
        assert wrong[0].times < 3


def cut_all(double: Double) -> None:
    for machine in double.engine.machines.values():
        for command in machine.commands.values():
            command.cut()


@pytest.mark.parametrize("status", [404, 500, 503])
async def test_one_wrong_word_of_the_control_plane_costs_no_session(
    double: Double, status: int
) -> None:
    async with session_on(double) as session:
        await ready(session)
        state = Fault("GET /sandboxes/*", status=status, times=2)
        away = Fault("POST /process.Process/*", status=502, body="not found", times=2)
        double.engine.faults.add(state, away)
        double.call(cut_all, double)
        await kept(session, double)


async def test_an_outage_of_the_control_plane_stops_no_call(double: Double) -> None:
    async with session_on(double, lease_seconds=60) as session:
        await ready(session)
        [lease] = session.backend._usage_meter._leases.values()  # type: ignore[attr-defined]
        lease._until -= 45  # as if it had gone on for longer
        outage = Fault("* /sandboxes*", status=500, times=1_000)
        double.engine.faults.add(outage)
        for _ in range(5):
            await kept(session, double)
        assert outage.times < 1_000
        outage.times = 0


@pytest.mark.parametrize("when", ["between calls", "during a call"])
async def test_a_machine_that_stands_still_is_waited_for(double: Double, when: str) -> None:
    async with session_on(double) as session:
        await ready(session)
        [machine] = double.engine.machines.values()

        async def stand_still() -> None:
            double.call(machine.stand_still)

        async def go_on() -> None:
            await anyio.sleep(15)  # longer than any one attempt
            double.call(machine.go_on)

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(go_on)
            if when == "during a call":
                execution = await while_running(session, stand_still, SLOW)
                assert execution.value == "39"
            else:
                await stand_still()
                assert (await python(session, "x + 1")).value == "42"
        await kept(session, double)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the patience at its end after two seconds."""
    monkeypatch.setattr(stream, "MAX_UNREACHABLE_SECONDS", 2.0)


@pytest.mark.usefixtures("impatient")
async def test_what_was_given_up_is_taken_up_by_the_next_call(double: Double) -> None:
    with wired(double) as (wire, urls):
        async with session_on(double, **urls) as session:
            await ready(session)
            double.call(wire.silence, True)
            with pytest.raises(SessionUnreachable, match="call again with the same session_id"):
                await python(session, "x")
            double.call(wire.silence, False)
            after = await python(session, "x + 1")
            await kept(session, double)

    assert after.value == "42"
    assert after.notices == [REACHED_AGAIN.format(state="its variables and files are kept")]
    await until(lambda: not double.engine.machines)


@pytest.mark.usefixtures("impatient")
async def test_what_stays_out_of_reach_is_tried_once_more_and_then_replaced(
    double: Double,
) -> None:
    with wired(double) as (wire, urls):
        async with session_on(double, **{**urls, "api_url": double.url}) as session:
            await ready(session)
            double.call(wire.silence, True)
            with pytest.raises(SessionUnreachable):
                await python(session, "x")
            [machine] = double.engine.machines.values()
            await to_thread.run_sync(double.do, double.engine.kill(machine))
            double.call(wire.silence, False)
            after = await python(session, "'x' in globals()")

    assert (after.value, after.state) == ("False", "lost")
    assert double.engine.made == 2


async def test_a_program_that_ended_is_not_told_as_a_lease_that_ran_out(double: Double) -> None:
    async with session_on(double) as session:
        await ready(session)
        [machine] = double.engine.machines.values()
        [command] = machine.commands.values()

        async def kill() -> None:
            # The relay first: what it relays for may not tell of its own end before.
            double.call(command.signal, signal.SIGKILL)

        execution = await while_running(session, kill, SLOW)

    assert execution.status == "lost"
    assert "lease" not in execution.notices[0]
    assert "program that holds the session" in execution.notices[0]
