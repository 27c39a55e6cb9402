"""The in-memory backend itself: what users' tests rely on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio
import pytest
from overlapping import call_within_a_call_is_refused

from bellglass.sandboxes import (
    PROTECTIONS,
    Execution,
    Limits,
    Output,
    Protection,
    SandboxUnavailable,
    Session,
    registry,
)
from bellglass.sandboxes.testing import CONFINED, InMemoryBackend, Request, SandboxDied

if TYPE_CHECKING:
    from bellglass.sandboxes.frame_models import Stream


async def test_a_call_gets_the_answer_that_is_written_down() -> None:
    whole = Execution(status="exit", exit_code=3, stdout=Output(text="out\n", cut_bytes=7))
    backend = InMemoryBackend({"exit(3)": whole})

    async with Session.open(backend) as session:
        execution = await session.run("python", {"code": "exit(3)"}, timeout=10)
        other = await session.run("bash", {"command": "ls"}, timeout=10)

    assert execution == whole
    assert other.error is not None
    assert other.error.message == "the test has no answer for 'ls'; it has one for 'exit(3)'"
    assert [(request.op, request.text, request.timeout) for request in backend.requests] == [
        ("python", "exit(3)", 10),
        ("bash", "ls", 10),
    ]


async def test_without_answers_every_call_is_ok() -> None:
    async with Session.open(InMemoryBackend()) as session:
        assert await session.run("python", {"code": "1"}, timeout=10) == Execution(status="ok")


async def test_output_is_streamed_while_an_answer_waits() -> None:
    seen = anyio.Event()

    async def answer(request: Request) -> Execution:
        await request.write("half", "stdout")
        await seen.wait()
        return Execution(status="ok", value=request.text)

    async def on_stream(frame: Stream) -> None:
        assert (frame.name, frame.text) == ("stdout", "half")
        seen.set()

    with anyio.fail_after(10):
        async with Session.open(InMemoryBackend(answer)) as session:
            execution = await session.run("python", {"code": "x"}, timeout=9, on_stream=on_stream)

    assert execution.value == "x"


async def test_an_answer_that_waits_too_long_meets_the_time_limit() -> None:
    async def answer(request: Request) -> Execution:
        await anyio.sleep_forever()
        raise AssertionError

    async with Session.open(InMemoryBackend(answer)) as session:
        execution = await session.run("python", {"code": "x"}, timeout=0.01)

    assert execution.status == "timeout"


async def test_a_call_can_be_cancelled_and_the_session_goes_on() -> None:
    begun = anyio.Event()

    async def answer(request: Request) -> Execution:
        if request.text == "wait":
            begun.set()
            await anyio.sleep_forever()
        return Execution(status="ok", value=str(request.sandbox))

    with anyio.fail_after(10):
        async with Session.open(InMemoryBackend(answer)) as session:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(lambda: session.run("python", {"code": "wait"}, timeout=9))
                await begun.wait()
                tasks.cancel_scope.cancel()
            execution = await session.run("python", {"code": "after"}, timeout=9)

    assert execution.value == "1"


async def test_a_sandbox_that_dies_is_replaced_and_the_session_says_so() -> None:
    def answer(request: Request) -> Execution:
        if request.text == "die":
            raise SandboxDied
        return Execution(status="ok", value=str(request.sandbox))

    backend = InMemoryBackend(answer)
    with anyio.fail_after(10):
        async with Session.open(backend) as session:
            values = [
                await session.run("python", {"code": code}, timeout=9)
                for code in ("first", "die", "after")
            ]
            assert (backend.made, backend.live) == (2, 1)

    assert [execution.status for execution in values] == ["ok", "lost", "ok"]
    assert [execution.value for execution in values] == ["1", None, "2"]
    assert backend.live == 0


WEAKNESSES: dict[Protection, dict[str, object]] = {
    "unprivileged_user": {"uid": 0},
    "no_capabilities": {"capabilities": 1},
    "no_new_privs": {"no_new_privs": False},
    "system_call_filter": {"seccomp": 1},
    "no_network": {"interfaces": ["lo", "eth0"]},
    "closed_supervisor": {"closed_supervisor": False},
    "read_only_disks": {"writable_disks": ["/"]},
    "memory_limit": {"memory_bytes": None},
    "process_limit": {"processes": None},
}


@pytest.mark.parametrize("protection", PROTECTIONS)
async def test_a_sandbox_that_lacks_a_protection_is_refused_unless_it_is_waived(
    protection: Protection,
) -> None:
    report = CONFINED.model_copy(update=WEAKNESSES[protection])
    backend = InMemoryBackend(report=report)

    async with Session.open(backend) as session:
        with pytest.raises(SandboxUnavailable, match=f"without {PROTECTIONS[protection]}\\."):
            await session.run("python", {"code": "1"}, timeout=10)
        assert (backend.requests, backend.live) == ([], 0)

        backend.waivers = {protection: "nothing is executed"}
        execution = await session.run("python", {"code": "1"}, timeout=10)

    assert execution.status == "ok"


@pytest.mark.parametrize(
    "looser", [{"memory_bytes": Limits().all_bytes + 1}, {"processes": Limits().processes + 1}]
)
async def test_a_looser_limit_than_asked_for_cannot_be_waived(looser: dict[str, int]) -> None:
    backend = InMemoryBackend(report=CONFINED.model_copy(update=looser))
    backend.waivers = dict.fromkeys(PROTECTIONS, "nothing is executed")

    async with Session.open(backend) as session:
        with pytest.raises(SandboxUnavailable, match="came up without a limit"):
            await session.run("python", {"code": "1"}, timeout=10)


def test_no_setting_of_a_server_can_choose_it() -> None:
    assert not [name for name, entry in registry.installed().items() if "testing" in entry.value]


async def test_a_call_within_a_call_is_out_of_order() -> None:
    await call_within_a_call_is_refused(InMemoryBackend(_hang))


async def _hang(request: Request) -> Execution:
    await anyio.sleep_forever()
    return Execution(status="ok")
