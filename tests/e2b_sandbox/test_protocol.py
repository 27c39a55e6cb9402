"""Behaviour of E2B's servers that a double could leave out, taken from their sources."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio
import httpx2
import pytest
from anyio.abc import SocketAttribute
from e2b_code_interpreter import (
    CommandExitException,
    InvalidArgumentException,
    NotFoundException,
    TimeoutException,
)
from e2b_double import Fault
from e2b_sandbox.support import on, python, session_on, settled, until
from meanwhile import while_running

from bellglass.sandboxes.errors import SandboxUnavailable

if TYPE_CHECKING:
    from anyio.abc import SocketStream
    from e2b_double import Double

RENEW = "POST /sandboxes/*/timeout"
RESUME = "POST /v2/sandboxes/*/connect"


async def test_signs_of_life_on_a_quiet_stream_are_no_output(double: Double) -> None:
    double.engine.keepalive_seconds = 0.05
    async with session_on(double) as session:
        execution = await python(session, "import time\ntime.sleep(0.5)\nprint('x' * 100)")
        after = await python(session, "6 * 7")

    assert execution.stdout.text == "x" * 100 + "\n"
    assert after.value == "42"


@pytest.mark.parametrize("retains", [True, False])
async def test_a_relay_that_ended_while_nobody_listened_is_told(
    double: Double, retains: bool
) -> None:
    double.engine.retains = retains
    async with session_on(double) as session:
        await python(session, "x = 1")
        [machine] = double.engine.machines.values()
        [command] = machine.commands.values()
        double.call(command.cut)
        double.do(command.kill())
        with anyio.fail_after(60):
            after = await python(session, "'x' in globals()")

    assert "lost" in (after.status, after.state)


async def test_a_sandbox_that_ran_for_as_long_as_the_plan_allows_is_told(double: Double) -> None:
    async with session_on(double) as session:
        await python(session, "x = 1")
        [machine] = double.engine.machines.values()

        async def reach_the_limit() -> None:
            machine.longest = machine.age
            machine.ends = machine.started + machine.longest

        execution = await while_running(session, reach_the_limit)
        fresh = await python(session, "6 * 7")

    assert execution.status == "lost"
    assert "as long as the plan allows" in execution.notices[0]
    assert fresh.value == "42"


async def test_a_renewal_while_the_sandbox_is_being_paused_is_made_again(double: Double) -> None:
    double.engine.grace = 600
    double.engine.faults.add(Fault(RENEW, status=409, message="is being paused", times=2))
    async with session_on(double, lease_seconds=3) as session:
        await python(session, "x = 1")
        await until(lambda: double.engine.faults.count(RENEW) > 2)
        assert (await python(session, "x")).value == "1"

    assert double.engine.made == 1


async def test_a_renewal_of_one_that_somebody_paused_does_not_end_the_session(
    double: Double,
) -> None:
    # The proxy in front of a machine may keep a connection open over the pause.
    double.engine.grace = 600
    async with session_on(double, lease_seconds=3) as session:
        await python(session, "1")
        [machine] = double.engine.machines.values()
        asleep = Fault(RESUME, status=409, message="is changing its state", times=1000)
        double.engine.faults.add(asleep)
        double.call(machine.pause)
        renewals = double.engine.faults.count(RENEW)
        # The second shows that the session has got over the answer to the first.
        await until(lambda: double.engine.faults.count(RENEW) >= renewals + 2)
        assert machine.state == "paused"
        asleep.times = 0
        # Not a variable: unlike a machine's, the clock of the double's processes goes on while they
        # sleep, and the supervisor may take its worker for one that hangs.
        after = await python(session, "6 * 7")

    assert after.value == "42"
    assert double.engine.made == 1


@pytest.mark.parametrize("times", [1, 2])
async def test_a_resumption_in_conflict_is_tried_again(double: Double, times: int) -> None:
    async with session_on(double) as session:
        await python(session, "x = 41")
        await settled(session)
        [machine] = double.engine.machines.values()
        text = f"Sandbox {machine.id} is changing its state"
        double.engine.faults.add(Fault(RESUME, status=409, message=text, times=times))
        double.call(machine.pause)
        after = await python(session, "x + 1")

    assert after.value == "42"
    assert double.engine.made == 1


async def test_the_double_answers_what_is_no_json_as_envd_does(double: Double) -> None:
    machine = await (await on(double).client.get()).create(template="base", timeout=60)
    headers = {"e2b-sandbox-id": machine.sandbox_id, "content-type": "application/json"}
    headers["x-access-token"] = machine._envd_access_token
    async with httpx2.AsyncClient(headers=headers) as client:
        url = f"{double.url}/process.Process/SendInput"
        refused = await client.post(url, content=b"{")
    result = await machine.commands.run("cat /proc/self/oom_score_adj")
    await machine.kill()

    assert (refused.status_code, refused.json()["code"]) == (400, "invalid_argument")
    assert result.stdout.strip() == "100"


async def test_the_double_takes_files_and_streamed_input_as_envd_does(double: Double) -> None:
    machine = await (await on(double).client.get()).create(template="base", timeout=60)
    await machine.files.write("/home/user/a", "text")
    read = await machine.files.read("/home/user/a")
    cat = await machine.commands.run("cat", background=True, stdin=True)
    handle = machine.commands.stream_input(cat.pid)
    for part in ("a", "b\n"):
        await handle.send(part)
    await handle.close()
    await machine.commands.close_stdin(cat.pid)
    result = await cat.wait()
    await machine.kill()

    assert (read, result.stdout) == ("text", "ab\n")


async def test_the_double_refuses_as_envd_does(double: Double) -> None:
    backend = on(double)
    client = await backend.client.get()
    machine = await client.create(template="base", timeout=60)
    commands = machine.commands
    with pytest.raises(InvalidArgumentException, match="does not exist"):
        await commands.run("true", cwd="/nowhere")
    with pytest.raises(NotFoundException, match="not found"):
        await commands.connect(999_999)
    sleeper = await commands.run("sleep 60", background=True)
    assert await sleeper.kill()
    with pytest.raises(CommandExitException) as ended:
        await sleeper.wait()
    assert (ended.value.exit_code, ended.value.error) == (-1, "signal: killed")
    handle = await commands.run("cat", background=True)
    result = await handle.wait()
    assert result.exit_code == 0  # it has no stdin that was not asked for
    handle = await commands.run("cat", background=True, stdin=True)
    await commands.send_stdin(handle.pid, "to the end")
    await handle.close_stdin()
    assert (await handle.wait()).stdout == "to the end"
    with pytest.raises(TimeoutException):
        await commands.run("sleep 60", timeout=0.5)
    await machine.kill()
    await backend.aclose()


async def test_a_daemon_that_died_is_not_taken_for_the_machine(double: Double) -> None:
    async with session_on(double) as session:
        await python(session, "x = 1")
        [machine] = double.engine.machines.values()
        double.call(machine.restart_daemon)
        after = await python(session, "'x' in globals()")

    told = " ".join(after.notices)
    assert "lost" in (after.status, after.state)
    assert "the program that holds the session in it has ended" in told
    assert "lease" not in told


async def test_a_machine_that_is_being_frozen_is_asked_again(double: Double) -> None:
    double.engine.start_refusals = [("unavailable", "the sandbox is being paused")]
    async with session_on(double) as session:
        assert (await python(session, "6 * 7")).value == "42"

    assert double.engine.made == 1


async def test_a_machine_without_room_is_told(double: Double) -> None:
    double.engine.start_refusals = [("resource_exhausted", "cannot allocate")] * 9
    async with session_on(double) as session:
        with pytest.raises(SandboxUnavailable, match="no room for our program"):
            await python(session, "1")


async def test_a_port_that_is_not_open_for_a_moment_costs_no_session(double: Double) -> None:
    body = '{"sandboxId":"i","message":"The sandbox is running but port is not open","code":502}'
    async with session_on(double) as session:
        await python(session, "x = 41")
        fault = Fault("POST /process.Process/SendInput", status=502, body=body, times=5)
        double.engine.faults.add(fault)
        after = await python(session, "x + 1")

    assert after.value == "42"
    assert double.engine.made == 1


async def test_http_2_is_offered_to_no_engine(double: Double) -> None:
    # There one connection carries all sessions, and its silent death would stop them all.
    hellos: list[bytes] = []

    async def note(stream: SocketStream) -> None:
        async with stream:
            hellos.append(await stream.receive())

    listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
    url = f"https://127.0.0.1:{listener.extra(SocketAttribute.local_port)}"
    async with listener, anyio.create_task_group() as tasks:
        tasks.start_soon(listener.serve, note)
        with pytest.raises(SandboxUnavailable):
            await on(double, api_url=url).start()
        control = len(hellos)
        async with session_on(double, sandbox_url=url) as session:
            with pytest.raises(SandboxUnavailable):
                await python(session, "1")
        tasks.cancel_scope.cancel()

    assert 0 < control < len(hellos)
    # What TLS asks for is in the open: protocols by name, each after its length.
    assert all(hello[:1] == b"\x16" and b"\x02h2" not in hello for hello in hellos)
