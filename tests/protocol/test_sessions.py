"""The session that a call works in."""

import re
from functools import partial

import anyio
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.types import CallToolResult
from protocol.support import TOKEN, Connect, authorized, connected, http_server, record_of, text_of


async def run(client: Client, code: str, session_id: str | None = None) -> CallToolResult:
    arguments = {"code": code} | ({"session_id": session_id} if session_id else {})
    return await client.call_tool("execute_python", arguments)


async def session_of(client: Client, code: str = "pass") -> str:
    session_id: str = record_of(await run(client, code))["session_id"]
    return session_id


async def test_call_without_a_session_follows_the_era(
    client: Client, mode: tuple[str, str]
) -> None:
    first = await run(client, "x = 41")
    second = await run(client, "x + 1")

    if mode[1] == "legacy":
        # The one use of a private attribute of the SDK: if it moves, this fails.
        assert record_of(second)["session_id"] == record_of(first)["session_id"]
        assert text_of(second).startswith("42\n")
    else:
        assert record_of(second)["session_id"] != record_of(first)["session_id"]
        assert text_of(second).startswith("Failed: NameError")


async def test_named_session_keeps_variables_and_files(client: Client) -> None:
    session_id = await session_of(client, "x = 41; open('note', 'w').write('here')")

    assert text_of(await run(client, "x + 1", session_id)).startswith("42\n")
    files = await client.call_tool(
        "execute_bash", {"command": "cat note", "session_id": session_id}
    )
    assert text_of(files).startswith("here\n")


async def test_session_is_named_in_text_and_record(client: Client) -> None:
    result = await run(client, "1")

    assert text_of(result).splitlines()[-1] == f"session_id: {record_of(result)['session_id']}"


async def test_a_branch_begins_with_what_the_session_holds_and_then_diverges(
    client: Client,
) -> None:
    code = "x = [1]; lock = __import__('threading').Lock(); open('note', 'w').write('here')"
    session_id = await session_of(client, code)

    told = text_of(await client.call_tool("branch_session", {"session_id": session_id}))
    branch = told.rpartition("session_id: ")[2]
    there = text_of(await run(client, "x.append(2); [x, open('note').read()]", branch))
    here = text_of(await run(client, "x", session_id))

    assert told.startswith(f"A copy of {session_id}: 1 variable and 1 file. Not kept")
    assert "lock (_thread.lock)" in told
    assert there.startswith("[[1, 2], 'here']\n")
    assert here.startswith("[1]\n")


async def test_what_cannot_be_branched_is_refused_and_leaves_no_session(client: Client) -> None:
    wrong = await client.call_tool("branch_session", {"session_id": "0" * 32})

    assert wrong.is_error
    assert "No such session" in text_of(wrong)


async def test_explicit_sessions_are_new_for_every_call(explicit: Client) -> None:
    first, second = await session_of(explicit), await session_of(explicit)

    assert first != second
    assert text_of(await run(explicit, "'alive'", first)).startswith("'alive'")


async def test_two_clients_share_nothing(connect: Connect) -> None:
    async with connect() as one, connect() as other:
        await run(one, "secret = 1; open('secret', 'w').write('x')")

        assert text_of(await run(other, "secret")).startswith("Failed: NameError")
        assert text_of(await run(other, "import os; os.listdir()")).startswith("[]")


async def test_two_sessions_of_one_client_share_nothing(explicit: Client) -> None:
    await session_of(explicit, "secret = 1; open('secret', 'w').write('x')")
    other = await run(explicit, "import os; 'secret' in globals(), os.listdir()")

    assert text_of(other).startswith("(False, [])")


async def test_unknown_session_tells_the_model_what_to_do(client: Client) -> None:
    result = await run(client, "1", "nope")

    assert result.is_error
    assert "Call again without session_id" in text_of(result)


async def test_closed_session_is_told_from_an_unknown_one(client: Client) -> None:
    session_id = await session_of(client)
    closed = await client.call_tool("close_session", {"session_id": session_id})

    assert not closed.is_error
    assert "it was closed with close_session" in text_of(await run(client, "1", session_id))
    assert text_of(await run(client, "1", "nope")).startswith("No such session: ")
    again = await client.call_tool("close_session", {"session_id": session_id})
    assert again.is_error
    assert text_of(again).endswith("There is nothing to close.")


async def test_closing_answers_the_call_that_runs_and_those_that_wait(client: Client) -> None:
    session_id = await session_of(client)
    answers: list[str] = []

    runs = anyio.Event()

    async def on_progress(progress: float, total: float | None, message: str | None) -> None:
        runs.set()

    async def call(code: str) -> None:
        arguments = {"code": code, "session_id": session_id, "timeout": 90}
        call = partial(client.call_tool, "execute_python", arguments)
        answers.append(text_of(await call(progress_callback=on_progress)))

    with anyio.fail_after(60):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(call, "print('on', flush=True); import time; time.sleep(80)")
            await runs.wait()
            for code in ("2", "3"):
                tasks.start_soon(call, code)
            # Should one of them come later than the end, it is answered alike.
            await anyio.sleep(0.5)
            await client.call_tool("close_session", {"session_id": session_id})

    assert len(answers) == 3
    for answer in answers:
        assert re.match(rf"Session {session_id} ended (during this call|0 s ago): ", answer)
        assert "it was closed with close_session" in answer


async def test_default_session_of_a_connection_is_made_anew_after_it_was_closed(
    client: Client,
) -> None:
    session_id = await session_of(client)
    await client.call_tool("close_session", {"session_id": session_id})

    assert text_of(await run(client, "'again'")).startswith("'again'")


async def test_list_names_only_what_the_caller_may_know(
    client: Client, mode: tuple[str, str]
) -> None:
    session_id = await session_of(client)
    listing = text_of(await client.call_tool("list_sessions", {}))

    if mode == ("http", "modern"):
        # Without a token, callers over HTTP cannot be told apart, and an id is a key.
        assert session_id not in listing
        assert "token" in listing
    else:
        assert [line for line in listing.splitlines() if session_id in line]


async def test_session_is_reached_from_any_connection_and_era(http_url: str) -> None:
    async with connected(streamable_http_client(http_url), "legacy") as legacy:
        session_id = await session_of(legacy, "x = 1")
        async with connected(streamable_http_client(http_url), "modern") as modern:
            await run(modern, "x += 1", session_id)

        assert text_of(await run(legacy, "x")).startswith("2\n")


async def test_session_outlives_its_legacy_connection_by_the_grace(http_url: str) -> None:
    async with connected(streamable_http_client(http_url), "legacy") as client:
        session_id = await session_of(client, "x = 1")

    async with connected(streamable_http_client(http_url), "legacy") as client:
        assert text_of(await run(client, "x", session_id)).startswith("1\n")


async def test_session_ends_after_the_grace_of_its_legacy_connection() -> None:
    settings = {"BELLGLASS_GRACE_SECONDS": "0.1", "BELLGLASS_HTTP_TOKEN": TOKEN}
    with http_server(**settings) as (_, url):
        async with authorized(url, "legacy") as client:
            session_id = await session_of(client)
        async with authorized(url, "legacy") as client:
            listing = session_id
            with anyio.fail_after(10):
                while session_id in listing:
                    listing = text_of(await client.call_tool("list_sessions", {}))
            told = text_of(await run(client, "1", session_id))

    assert "ago: its connection had ended. " in told


async def test_session_ends_when_it_is_idle(connect: Connect) -> None:
    async with connect(BELLGLASS_SESSION_IDLE_SECONDS="0.5") as client:
        session_id = await session_of(client)
        for seconds in (2, 8, 32):  # the time itself is what is tested; each call begins it anew
            await anyio.sleep(seconds)
            result = await run(client, "1", session_id)
            if result.is_error:
                break

    assert result.is_error


@pytest.mark.parametrize("mode", [("stdio", "legacy"), ("http", "legacy")], ids="-".join)
async def test_connection_is_told_that_its_session_has_ended(connect: Connect) -> None:
    async with connect() as client:
        first = await session_of(client)
        await client.call_tool("close_session", {"session_id": first})
        lost = await client.call_tool("read_file", {"path": "x"})
        told = await run(client, "1")
        after = await run(client, "1")

    assert lost.is_error
    assert f"Session {first} ended " in text_of(told)
    assert "it was closed with close_session" in text_of(told)
    assert "Its variables and files are gone. This is a new session." in text_of(told)
    assert "files are kept" not in text_of(told)
    assert record_of(told)["state"] == "lost"
    assert "new session" not in text_of(after)


async def test_an_id_has_128_bits(client: Client) -> None:
    result = await client.call_tool("execute_python", {"code": "1"})

    assert re.fullmatch("[0-9a-f]{32}", record_of(result)["session_id"])
