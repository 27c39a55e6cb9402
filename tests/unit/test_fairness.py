"""Rotation of turns between callers, and which session ends to make room."""

from __future__ import annotations

import anyio
import pytest

from bellglass.sandboxes.errors import CallerLimit, SessionLimit, TooManyWaiting
from bellglass.sandboxes.sessions.callers import Caller, FairTurns
from bellglass.sandboxes.sessions.capacity import Tenancy, to_make_room
from bellglass.sandboxes.sessions.session import Session
from bellglass.sandboxes.testing import InMemoryBackend

GREEDY, OTHER, THIRD = (Caller(name, "127.0.0.1") for name in ("greedy", "other", "third"))
AFAR = [Caller(f"c{number}", "192.0.2.7") for number in range(8)]


async def test_turns_go_round_between_callers() -> None:
    turns = FairTurns(1, max_waiting=50)
    order: list[str] = []

    async def task(caller: Caller) -> None:
        async with turns.turn(caller):
            order.append(caller.connection)
            await anyio.lowlevel.checkpoint()

    async with anyio.create_task_group() as tasks:
        for caller in (GREEDY,) * 6 + (OTHER,) * 2 + (THIRD,):
            tasks.start_soon(task, caller)

    assert order[:5] == ["greedy", "greedy", "other", "third", "greedy"]
    assert order[5:] == ["other", "greedy", "greedy", "greedy"]


async def test_one_caller_never_has_all_turns() -> None:
    turns = FairTurns(2, max_waiting=50)
    async with turns.turn(GREEDY), anyio.create_task_group() as tasks:
        waiting = anyio.Event()

        async def another() -> None:
            waiting.set()
            async with turns.turn(GREEDY):
                raise AssertionError("The caller has two turns at a time.")

        tasks.start_soon(another)
        await waiting.wait()
        with anyio.fail_after(5):
            async with turns.turn(OTHER):
                tasks.cancel_scope.cancel()


async def test_who_gives_up_leaves_no_turn_behind() -> None:
    turns = FairTurns(1, max_waiting=2)
    for _ in range(5):
        async with turns.turn(GREEDY), anyio.create_task_group() as tasks:

            async def wait() -> None:
                async with turns.turn(OTHER):
                    raise AssertionError("It had no turn to be given.")

            tasks.start_soon(wait)
            tasks.start_soon(wait)
            await anyio.wait_all_tasks_blocked()
            with pytest.raises(TooManyWaiting):
                async with turns.turn(OTHER):
                    pass
            tasks.cancel_scope.cancel()

    with anyio.fail_after(5):
        async with turns.turn(OTHER):
            pass


class Sessions:
    """Sessions by name, the older ones first, without sandboxes."""

    def __init__(self) -> None:
        self.backend = InMemoryBackend()
        self.held: list[Tenancy] = []

    def add(self, caller: Caller | None, *, owner: str | None = None, **more: bool) -> Session:
        session = Session(f"s{len(self.held)}", self.backend, owner)
        session.used_at = len(self.held)
        self.held.append(Tenancy(session, caller, **more))
        return session

    def goes_for(self, caller: Caller | None, most: int, owner: str | None = None) -> str | None:
        session = to_make_room(self.held, owner, caller, most)
        return session.id if session else None


@pytest.fixture
def sessions() -> Sessions:
    return Sessions()


def test_own_sessions_make_room_the_longest_unused_first(sessions: Sessions) -> None:
    for caller in (OTHER, GREEDY, GREEDY, OTHER):
        sessions.add(caller)

    assert sessions.goes_for(GREEDY, 5) is None
    assert sessions.goes_for(GREEDY, 4) == "s1"
    assert sessions.goes_for(OTHER, 4) == "s0"


def test_a_session_that_is_gone_on_with_outlasts_those_of_single_calls(sessions: Sessions) -> None:
    for continued in (True, False, False):
        sessions.add(None, continued=continued)

    assert sessions.goes_for(None, 3) == "s1"
    sessions.held[0].session.used_at -= 1_000  # but not for ever
    assert sessions.goes_for(None, 3) == "s0"


def test_a_new_connection_takes_what_nobody_came_back_to(sessions: Sessions) -> None:
    """First what was only uploaded, then of who has the most."""
    sessions.add(OTHER, continued=True)
    sessions.add(OTHER)
    for _ in range(3):
        sessions.add(GREEDY)
    assert sessions.goes_for(THIRD, 5) == "s2"
    sessions.add(OTHER, for_upload=True)
    assert sessions.goes_for(THIRD, 6) == "s5"


@pytest.mark.parametrize(("caller", "owner"), [(OTHER, "bob"), (AFAR[0], "alice"), (None, "alice")])
def test_sessions_of_others_stay(sessions: Sessions, caller: Caller | None, owner: str) -> None:
    for _ in range(3):
        sessions.add(GREEDY, owner="alice")

    with pytest.raises(SessionLimit):
        sessions.goes_for(caller, 3, owner)


def test_a_caller_has_not_all_and_an_address_neither(sessions: Sessions) -> None:
    for number in range(6):
        sessions.add(AFAR[number], continued=True)
    with pytest.raises(SessionLimit):
        sessions.goes_for(AFAR[7], 8)
    assert sessions.goes_for(GREEDY, 8) is None

    sessions.held.clear()
    for _ in range(6):
        sessions.add(GREEDY)
    assert sessions.goes_for(GREEDY, 8) == "s0"
    assert sessions.goes_for(OTHER, 8) is None


def test_on_stdio_all_are_one_caller_and_may_have_all(sessions: Sessions) -> None:
    for _ in range(8):
        sessions.add(None)

    assert sessions.goes_for(None, 9) is None
    assert sessions.goes_for(None, 8) == "s0"


def test_who_has_as_many_as_one_may_is_told_so(sessions: Sessions) -> None:
    for _ in range(3):
        sessions.add(GREEDY)._waiting = 1

    with pytest.raises(CallerLimit, match="All 3 sessions that one client may have"):
        sessions.goes_for(GREEDY, 4)


def test_an_address_of_this_machine_tells_nobody_apart() -> None:
    assert not GREEDY.is_elsewhere
    assert not Caller("a", "::1").is_elsewhere
    assert AFAR[0].is_elsewhere
