"""The session that a call works in, and when: the part that does not depend on a sandbox."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import anyio
import anyio.lowlevel
from protocol.support import record_of, text_of

from bellglass.sandboxes import Execution
from bellglass.sandboxes.testing import InMemoryBackend, Request, SandboxDied

if TYPE_CHECKING:
    from in_memory.conftest import Connect
    from mcp import Client


async def run(client: Client, code: str, session_id: str | None = None) -> Any:
    arguments = {"code": code} | ({"session_id": session_id} if session_id else {})
    return await client.call_tool("execute_python", arguments)


async def session_of(client: Client) -> str:
    session_id: str = record_of(await run(client, "pass"))["session_id"]
    return session_id


async def test_sessions_are_limited_and_the_longest_unused_makes_room(connect: Connect) -> None:
    async with connect(InMemoryBackend(), max_sessions="2", session_scope="explicit") as client:
        first, second, third = [await session_of(client) for _ in range(3)]

        assert (await run(client, "1", first)).is_error
        assert not (await run(client, "1", second)).is_error
        assert not (await run(client, "1", third)).is_error


async def test_every_call_of_a_flood_of_new_sessions_is_answered(connect: Connect) -> None:
    all_sent = anyio.Event()
    answers: list[str] = []

    async def answer(request: Request) -> Execution:
        await all_sent.wait()
        return Execution(status="ok", value="ran")

    async def call(client: Client) -> None:
        answers.append(text_of(await run(client, "x")))

    backend = InMemoryBackend(answer)
    async with (
        connect(backend, max_sessions="3", session_scope="explicit", warm_sessions="0") as client,
        anyio.create_task_group() as tasks,
    ):
        for _ in range(30):
            tasks.start_soon(call, client)
        while len(answers) < 27 or len(backend.requests) < 3:
            await anyio.wait_all_tasks_blocked()
            await anyio.lowlevel.checkpoint()
        all_sent.set()

    refused = [text for text in answers if text.startswith("All 3 sessions are busy")]
    ran = [text for text in answers if text.startswith("ran")]
    assert (len(refused), len(ran)) == (27, 3)


async def test_calls_on_one_session_take_turns(connect: Connect) -> None:
    log: list[str] = []

    async def answer(request: Request) -> Execution:
        log.append(f"{request.text} begins")
        await anyio.lowlevel.checkpoint()
        log.append(f"{request.text} ends")
        return Execution(status="ok")

    async with connect(InMemoryBackend(answer)) as client:
        session_id = await session_of(client)
        log.clear()
        async with anyio.create_task_group() as tasks:
            for code in ("1", "2", "3"):
                tasks.start_soon(run, client, code, session_id)

    pairs = list(zip(log[::2], log[1::2], strict=True))
    assert sorted(pairs) == [(f"{code} begins", f"{code} ends") for code in ("1", "2", "3")]


async def test_calls_on_two_sessions_run_side_by_side(connect: Connect) -> None:
    both = [anyio.Event(), anyio.Event()]

    async def answer(request: Request) -> Execution:
        both[int(request.text)].set()
        await both[1 - int(request.text)].wait()
        return Execution(status="ok", value="met")

    answers: list[str] = []

    async def call(client: Client, code: str) -> None:
        answers.append(text_of(await run(client, code)))

    async with (
        connect(InMemoryBackend(answer), session_scope="explicit") as client,
        anyio.create_task_group() as tasks,
    ):
        tasks.start_soon(call, client, "0")
        tasks.start_soon(call, client, "1")

    assert [text.splitlines()[0] for text in answers] == ["met", "met"]


async def test_a_session_whose_sandbox_died_goes_on_and_says_once_what_is_lost(
    connect: Connect,
) -> None:
    def answer(request: Request) -> Execution:
        if request.text == "die":
            raise SandboxDied
        return Execution(status="ok", value=f"sandbox {request.sandbox}")

    async with connect(InMemoryBackend(answer), warm_sessions="0") as client:
        session_id = await session_of(client)
        lost, after = [await run(client, code, session_id) for code in ("die", "x")]

    assert text_of(lost).startswith("Lost. Variables and files are gone; the next call")
    assert record_of(lost)["state"] == "lost"
    assert "lost" not in text_of(after)
    assert text_of(after).startswith("sandbox 2")
