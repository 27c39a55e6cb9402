"""A supervisor that falls silent loses its session, and nobody waits for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio
from security.lying import READY, Far, LyingBackend

from bellglass.sandboxes.sessions.session import Session
from bellglass.sandboxes.wire.framing import encode

if TYPE_CHECKING:
    from security.support import Target


async def _silent_from_the_first_request_on(far: Far) -> None:
    await far.send(encode({**READY, "ticks": True}))
    await far.request()
    await anyio.sleep_forever()


async def test_a_supervisor_that_says_nothing_during_a_call_is_ended() -> None:
    backend = LyingBackend(_silent_from_the_first_request_on)
    backend.silence_seconds = 2
    async with Session.open(backend) as one:
        with anyio.fail_after(60):
            execution = await one.run("python", {"code": "1"}, timeout=600)

    assert (execution.status, execution.state) == ("lost", "lost")
    assert "stopped answering" in execution.notices[0]


async def test_a_supervisor_that_says_nothing_during_a_run_is_ended() -> None:
    async def script(far: Far) -> None:
        await far.send(encode({**READY, "ticks": True}))
        request = await far.request()
        await far.reply(request, execution={"status": "running"})
        await anyio.sleep_forever()

    backend = LyingBackend(script)
    backend.silence_seconds = 2
    async with Session.open(backend) as one:
        await one.begin("python", {"code": "1"}, timeout=600)
        run = next(iter(one.runs))
        with anyio.fail_after(60):
            await run.outcome(end=True)

    assert run.state == "lost"


async def test_an_idle_sandbox_may_be_silent_and_one_that_ticks_may_be_slow() -> None:
    async def script(far: Far) -> None:
        await far.send(encode({**READY, "ticks": True}))
        await far.reply(await far.request())
        request = await far.request()
        for _ in range(30):
            await anyio.sleep(0.1)
            await far.send(encode({"type": "tick"}))
        await far.reply(request)
        await anyio.sleep_forever()

    backend = LyingBackend(script)
    backend.silence_seconds = 2
    async with Session.open(backend) as one:
        first = await one.run("python", {"code": "1"}, timeout=20)
        await anyio.sleep(3)
        second = await one.run("python", {"code": "1"}, timeout=20)

    assert (first.status, second.status, backend.sandboxes) == ("ok", "ok", 1)


async def test_a_long_call_ticks(lasting: Target) -> None:
    frames: list[bytes] = []
    connection = lasting.session._holder.connection
    assert connection is not None
    stream = connection._frames._stream
    receive = stream.receive

    async def heard(max_bytes: int = 65536) -> bytes:
        frames.append(await receive(max_bytes))
        return frames[-1]

    stream.receive = heard  # type: ignore[method-assign]
    try:
        await lasting.session.run("bash", {"command": "sleep 2.5"}, timeout=20)
    finally:
        stream.receive = receive  # type: ignore[method-assign]

    assert 2 <= b"".join(frames).count(b'"tick"') <= 4
