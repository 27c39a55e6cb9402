"""A supervisor that dies, hangs or cannot be started."""

from __future__ import annotations

from functools import partial

import anyio
import pytest
from security.lying import (
    READY,
    FailingBackend,
    Far,
    LyingBackend,
    after_request,
    lost_and_restarted,
)

from bellglass.sandboxes import connection
from bellglass.sandboxes.errors import SandboxUnavailable
from bellglass.sandboxes.sessions.notices import RESTARTED
from bellglass.sandboxes.sessions.session import Session
from bellglass.sandboxes.wire.framing import encode


async def test_a_fault_of_the_backend_costs_one_call_and_not_the_server() -> None:
    async def honest(far: Far) -> None:
        await far.send(encode(READY))

    with anyio.fail_after(20):
        async with Session.open(FailingBackend(honest)) as one:
            with pytest.raises(SandboxUnavailable) as caught:
                await one.run("python", {"code": "1"}, timeout=1)
            after = await one.run("python", {"code": "1"}, timeout=1)

    assert "OSError" in str(caught.value)
    assert "secret" not in str(caught.value)
    assert after.status == "ok"


async def test_a_death_in_the_middle_of_a_frame_is_told() -> None:
    await lost_and_restarted(after_request(b"\0\0\x10\0{", end=True), "died")


async def test_a_death_between_frames_is_told() -> None:
    await lost_and_restarted(after_request(end=True), "died")


async def test_a_sandbox_that_never_answers_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "REPLY_GRACE_SECONDS", 0.2)
    await lost_and_restarted(after_request(), "did not answer in time")


async def test_output_without_end_does_not_put_off_the_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(connection, "REPLY_GRACE_SECONDS", 0.2)

    async def script(far: Far) -> None:
        await far.send(encode(READY))
        request = await far.request()
        ids = {"type": "stream", "id": request["id"], "nonce": request["nonce"]}
        while True:
            await far.send(encode({**ids, "name": "stdout", "text": "x" * 1000}))

    await lost_and_restarted(script, "did not answer in time")


async def test_a_cancelled_call_to_a_dead_end_costs_the_sandbox(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(connection, "CANCEL_TIMEOUT_SECONDS", 0.2)
    asked = anyio.Event()

    async def script(far: Far) -> None:
        await far.send(encode(READY))
        await far.request()
        asked.set()
        await anyio.sleep_forever()

    with anyio.fail_after(30):
        async with Session.open(LyingBackend(script)) as one:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(partial(one.run, "python", {"code": "1"}, timeout=60))
                await asked.wait()
                tasks.cancel_scope.cancel()
            after = await one.run("python", {"code": "1"}, timeout=20)

    assert after.notices == [RESTARTED]
    assert after.state == "lost"


async def test_a_sandbox_that_dies_between_calls_is_said_to_be_lost() -> None:
    died = anyio.Event()

    async def script(far: Far) -> None:
        await far.send(encode(READY))
        await far.reply(await far.request())
        await far.end()
        died.set()

    async with Session.open(LyingBackend(script)) as one:
        await one.run("python", {"code": "1"}, timeout=5)
        await died.wait()
        await anyio.wait_all_tasks_blocked()
        after = await one.run("python", {"code": "1"}, timeout=5)
        third = await one.run("python", {"code": "1"}, timeout=5)

    assert (after.state, after.notices) == ("lost", [RESTARTED])
    assert third.notices == []


async def test_a_read_that_no_model_sees_leaves_the_loss_to_be_told() -> None:
    async with Session.open(LyingBackend(after_request(end=True))) as one:
        read = await one.run("read", {"path": "f", "offset": 0}, timeout=5)
        again = await one.run("read", {"path": "f", "offset": 0}, timeout=5)
        after = await one.run("python", {"code": "1"}, timeout=5)
        third = await one.run("python", {"code": "1"}, timeout=5)

    assert (read.status, again.status) == ("lost", "ok")
    assert (after.state, after.notices) == ("lost", [RESTARTED])
    assert third.notices == []


async def test_waiting_calls_outlive_a_sandbox_that_dies() -> None:
    async def script(far: Far) -> None:
        await far.send(encode(READY))
        await far.request()
        await far.end()

    results: list[str] = []

    async def call(one: Session) -> None:
        results.append((await one.run("python", {"code": "1"}, timeout=5)).status)

    with anyio.fail_after(10):
        async with (
            Session.open(LyingBackend(script)) as one,
            anyio.create_task_group() as tasks,
        ):
            for _ in range(5):
                tasks.start_soon(call, one)

    assert results == ["lost", "ok", "ok", "ok", "ok"]
