"""Many sessions at once, and how many there may be."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import anyio
import pytest
from e2b_sandbox.support import on, python

from bellglass.sandboxes.backends.e2b.machines.rate_limiter import RateLimiter
from bellglass.sandboxes.errors import SandboxUnavailable
from bellglass.sandboxes.sessions.session import Session

if TYPE_CHECKING:
    from e2b_double import Double

MANY = 30


async def test_thirty_sessions_at_once_share_nothing_and_leave_nothing(double: Double) -> None:
    backend = on(double)
    values: dict[int, str | None] = {}

    async def one(number: int) -> None:
        async with Session.open(backend) as session:
            await python(session, f"x = {number}; open('f', 'w').write('{number}')", timeout=60)
            values[number] = (await python(session, "x, open('f').read()", timeout=60)).value

    async with anyio.create_task_group() as tasks:
        for number in range(MANY):
            tasks.start_soon(one, number)
    await backend.aclose()

    assert values == {number: str((number, str(number))) for number in range(MANY)}
    assert double.engine.made == MANY
    assert double.engine.machines == {}


async def test_one_more_than_allowed_is_refused_at_once(double: Double) -> None:
    backend = on(double, sandboxes=1)
    async with Session.open(backend) as one, Session.open(backend) as other:
        await python(one, "1")
        asked = len(double.engine.faults.requests)
        with pytest.raises(SandboxUnavailable, match="all 1 sandboxes"):
            await python(other, "1")
        assert len(double.engine.faults.requests) == asked  # nobody was waited for

    assert double.engine.made == 1
    await backend.aclose()


async def test_the_room_of_an_ended_sandbox_is_free_again(double: Double) -> None:
    backend = on(double, sandboxes=1)
    for _ in range(3):
        async with Session.open(backend) as session:
            assert (await python(session, "6 * 7")).value == "42"
    await backend.aclose()


async def test_sandboxes_are_asked_for_at_the_given_pace(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0

    async def sleep(seconds: float) -> None:
        nonlocal now
        now += seconds

    admission = RateLimiter(100, per_second=20)
    times = []
    with monkeypatch.context() as clock:
        clock.setattr(anyio, "current_time", lambda: now)
        clock.setattr(anyio, "sleep", sleep)
        for _ in range(30):
            await admission.turn()
            times.append(now)

    # The first twenty may come at once; from then on one every twentieth of a second.
    assert times[:20] == [1000.0] * 20
    gaps = [after - before for before, after in itertools.pairwise(times[19:])]
    assert gaps == pytest.approx([1 / 20] * 10)
