"""Machines whose creation was answered late, wrongly, or never: found by their metadata."""

from __future__ import annotations

import time

import anyio
import pytest
from e2b_double import Double, Fault
from e2b_sandbox.support import on, python, session_on, until

from bellglass.sandboxes.errors import SandboxUnavailable
from bellglass.sandboxes.sessions.session import Session

CREATE = "POST /v2/sandboxes"
CONNECT = "POST /v2/sandboxes/*/connect"


@pytest.mark.parametrize(
    "fault",
    [
        Fault(CREATE, lose_answer=True),
        Fault(CREATE, late=True, status=504, times=9),
        Fault(CREATE, late=True, status=500),
        Fault(CREATE, late=True, status=201, body="<html>made</html>"),
    ],
    ids=["cut", "timed out", "broken", "nonsense"],
)
async def test_a_machine_whose_answer_was_lost_is_found_on_any_page_and_used(
    double: Double, fault: Fault
) -> None:
    double.engine.ignores_filter = True
    for _ in range(120):  # of others, and newer than ours
        other = double.call(double.engine.create, {"templateID": "base", "timeout": 600}, None)
        other.started = time.time() + 600
    double.engine.faults.add(fault)
    async with session_on(double) as session:
        assert (await python(session, "6 * 7")).value == "42"
        assert double.engine.made == 121
        assert len(keys(double)) == 1  # one creation, though the SDK may have asked again

    assert len(double.engine.machines) == 120


def keys(double: Double) -> set[str]:
    faults = double.engine.faults
    asked = zip(faults.requests, faults.headers, strict=True)
    return {headers["idempotency-key"] for request, headers in asked if request == CREATE}


async def test_what_is_found_and_cannot_be_used_is_ended_at_once(double: Double) -> None:
    double.engine.faults.add(Fault(CREATE, lose_answer=True), Fault(CONNECT, status=400, times=9))
    async with session_on(double) as session:
        with pytest.raises(SandboxUnavailable, match="create a sandbox"):
            await python(session, "1")
        assert double.engine.machines == {}
        assert double.engine.faults.count(CREATE) == 1
        assert (await python(session, "6 * 7")).value == "42"


async def test_a_machine_that_nobody_waits_for_any_more_is_ended_at_once(double: Double) -> None:
    double.engine.faults.add(Fault(CREATE, late=True, delay=600))
    backend = on(double)
    async with anyio.create_task_group() as tasks, Session.open(backend) as session:
        tasks.start_soon(session.prepare)
        await until(lambda: double.engine.made == 1, 30)

    assert double.engine.machines == {}  # before any sweep
    await backend.aclose()
