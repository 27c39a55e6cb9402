"""A machine costs money as long as it lives: what needs none makes none, and none is forgotten."""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING

import anyio
import pytest
from e2b_double import Fault
from e2b_sandbox.support import on, python, settings_for, until
from mcp.client.stdio import StdioServerParameters
from protocol.support import COMMAND, connected, text_of

from bellglass.sandboxes.errors import SandboxUnavailable
from bellglass.sandboxes.sessions.session import Session

if TYPE_CHECKING:
    from e2b_double import Double

CREATE = "POST /v2/sandboxes"


def server_on(double: Double, **settings: str) -> StdioServerParameters:
    environment = {**settings_for(double), "XDG_STATE_HOME": os.environ["XDG_STATE_HOME"]}
    return StdioServerParameters(command=COMMAND, env={**environment, **settings})


@pytest.mark.parametrize("when", ["while the machine is made", "while the code runs"])
async def test_a_first_call_that_is_cancelled_ends_its_machine(double: Double, when: str) -> None:
    began = anyio.Event()

    async def on_progress(progress: float, total: float | None, message: str | None) -> None:
        began.set()

    if when == "while the machine is made":
        double.engine.faults.add(Fault(CREATE, delay=2, late=True))
    async with connected(server_on(double), "modern") as client:
        async with anyio.create_task_group() as tasks:
            code = {"code": "import time\nprint('on', flush=True)\ntime.sleep(100)"}
            call = partial(client.call_tool, progress_callback=on_progress)
            tasks.start_soon(call, "execute_python", code)
            if when == "while the code runs":
                await began.wait()
            else:
                await until(lambda: double.engine.faults.count(CREATE) > 0)
            tasks.cancel_scope.cancel()
        await until(lambda: double.engine.made == 1 and not double.engine.machines)


async def test_a_check_needs_no_machine_and_no_key_that_works(double: Double) -> None:
    async with connected(server_on(double, E2B_API_KEY="e2b_" + "f" * 32), "modern") as client:
        result = await client.call_tool("validate_code", {"code": "import pandas\n1 +"})

    said = text_of(result)
    assert "line 2" in said
    assert "on another machine" in said
    assert double.engine.faults.requests == []


async def test_machines_that_a_killed_server_left_are_counted_in_the_quotas_message(
    double: Double,
) -> None:
    backend = on(double)
    async with Session.open(backend) as session:
        await python(session, "1")
        [machine] = double.engine.machines.values()
        machine.metadata = {**machine.metadata, "bellglass-process": "1-1"}
        double.engine.most = 1
        async with Session.open(backend) as other:
            with pytest.raises(SandboxUnavailable, match="1 of them are of bellglass servers"):
                await python(other, "1")
    await backend.aclose()


async def test_an_account_that_is_blocked_is_not_told_as_a_wrong_key(double: Double) -> None:
    text = "Team is blocked: billing limit reached"
    double.engine.faults.add(Fault(CREATE, status=403, message=text))
    backend = on(double)
    async with Session.open(backend) as session:
        with pytest.raises(SandboxUnavailable, match="the key is not at fault"):
            await python(session, "1")
    await backend.aclose()
