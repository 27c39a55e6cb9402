"""Bytes between the server and a supervisor, over connections that are cut, and lost answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio
import pytest
from e2b_double import Fault
from e2b_sandbox.support import python, session_on, until
from meanwhile import while_running

from bellglass.sandboxes.sessions.notices import RESTARTED

if TYPE_CHECKING:
    from e2b_double import Double
    from e2b_double.processes import Command


def command_of(double: Double) -> Command:
    [machine] = double.engine.machines.values()
    [command] = machine.commands.values()
    return command


async def test_a_cut_while_the_code_runs_loses_nothing(double: Double) -> None:
    code = "import time\nfor i in range(20):\n    print(i, flush=True)\n    time.sleep(0.1)\ni"
    async with session_on(double) as session:

        async def cut() -> None:
            double.call(command_of(double).cut)

        execution = await while_running(session, cut, code)
        after = await python(session, "i")

    assert execution.value == "19"
    assert execution.stdout.text.split() == [str(i) for i in range(20)]
    assert (after.value, after.state) == ("19", "kept")
    assert double.engine.faults.count("POST /process.Process/Connect") == 1
    assert double.engine.made == 1


async def test_output_that_comes_while_nobody_listens_is_sent_again(double: Double) -> None:
    listen = "POST /process.Process/Connect"
    async with session_on(double) as session:
        await python(session, "import time")
        double.engine.faults.add(Fault(listen, status=503, times=2))
        double.call(command_of(double).cut)
        execution = await python(session, "time.sleep(0.2)\nprint('x' * 15_000)\n'whole'")

    assert execution.value == "'whole'"
    assert execution.stdout.text == "x" * 15_000 + "\n"
    assert double.engine.faults.count(listen) == 3


async def test_code_whose_request_got_no_answer_runs_once(double: Double) -> None:
    async with session_on(double) as session:
        await python(session, "n = 0")
        lost = Fault("POST /process.Process/SendInput", lose_answer=True, times=2)
        double.engine.faults.add(lost)
        execution = await python(session, "n += 1\nn")
        after = await python(session, "n")

    assert execution.value == "1"
    assert after.value == "1"


async def test_long_code_and_long_output_arrive_whole(double: Double) -> None:
    text = "".join(map(chr, range(32, 0x2000))) * 150
    async with session_on(double) as session:
        execution = await python(session, f"s = {text!r}\nlen(s), hash(s) == hash(s + '')")
        length = await python(session, "print('a' * 40_000_000)")

    assert execution.value == str((len(text), True))
    assert length.stdout.total_bytes == 40_000_001


async def test_a_flood_of_replies_does_not_stop_at_the_window(double: Double) -> None:
    async with session_on(double) as session:
        await python(session, "big = 'y' * 19_000")
        # Each reply is 19 kB: together more than the relay sends without being told to go on.
        for _ in range(130):
            execution = await python(session, "print(big)")
            assert execution.stdout.text == "y" * 19_000 + "\n"

    assert double.engine.made == 1


async def test_slow_answers_of_the_engine_are_waited_for(double: Double) -> None:
    async with session_on(double) as session:
        await python(session, "x = 1")
        double.engine.faults.add(Fault("POST /process.Process/SendInput", delay=1.0))
        execution = await python(session, "x + 1")

    assert execution.value == "2"


async def test_a_machine_killed_during_a_call_is_told(double: Double) -> None:
    async with session_on(double) as session:
        await python(session, "x = 1")
        [machine] = double.engine.machines.values()

        async def kill() -> None:
            await anyio.to_thread.run_sync(double.do, double.engine.kill(machine))

        execution = await while_running(session, kill)
        fresh = await python(session, "x = 2\nx")

    assert execution.status == "lost"
    assert "gone" in execution.notices[0]
    assert fresh.value == "2"
    assert fresh.state == "kept"


async def test_a_machine_killed_between_calls_is_told(double: Double) -> None:
    async with session_on(double) as session:
        await python(session, "x = 1")
        [machine] = double.engine.machines.values()
        double.do(double.engine.kill(machine))
        await until(lambda: session.failed)
        after = await python(session, "'x' in globals()")

    assert after.value == "False"
    assert after.notices == [RESTARTED]
    assert after.state == "lost"


async def test_a_relay_killed_by_the_engine_is_told(double: Double) -> None:
    async with session_on(double) as session:
        await python(session, "x = 1")
        double.do(command_of(double).kill())
        with anyio.fail_after(60):
            after = await python(session, "'x' in globals()")

    assert "lost" in (after.status, after.state)


async def test_a_time_limit_is_kept_in_the_machine_with_one_request_and_no_time_out_of_ours(
    double: Double,
) -> None:
    async with session_on(double) as session:
        await python(session, "x = 1")
        requests = double.engine.faults.requests
        asked = len(requests)
        for code in ("while True: pass", "import time\ntime.sleep(60)") * 2:
            # Had a time-out of ours or of the SDK's been over, it would be "lost", or asked twice.
            execution = await python(session, code, timeout=1)
            assert (execution.status, execution.state) == ("timeout", "kept")
        assert requests[asked:] == ["POST /process.Process/SendInput"] * 4
        after = await python(session, "x")

    assert after.value == "1"


@pytest.mark.parametrize("noise", ["echo hello", "printf 'D 5'", "printf '\\377'"])
async def test_what_a_login_shell_prints_does_no_harm(double: Double, noise: str) -> None:
    double.engine.profile = noise
    async with session_on(double) as session:
        execution = await python(session, "6 * 7")

    assert execution.value == "42"
