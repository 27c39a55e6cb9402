"""Who goes on with a session that has ended is told why, if it was theirs."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from in_memory.test_sessions import run, session_of
from mcp.shared.exceptions import MCPError
from protocol.support import text_of

from bellglass.sandboxes.sessions.ended_sessions import MAX_ENDED_SESSIONS, EndedSessions
from bellglass.sandboxes.testing import InMemoryBackend

if TYPE_CHECKING:
    from in_memory.conftest import Connect
    from mcp import Client

ENDED = r"Session \w+ ended \d+ s ago: {}\. Its variables and files are gone\. Call again without"


async def until_gone(client: Client, session_id: str) -> None:
    listed = session_id
    while session_id in listed:
        listed = text_of(await client.call_tool("list_sessions", {}))


async def told(client: Client, session_id: str) -> str:
    """Return what a call is told; every other way to the session has to say the same."""
    answer = await run(client, "1", session_id)
    assert answer.is_error
    text = text_of(answer)
    for tool, arguments in (
        ("execute_bash", {"command": "true"}),
        ("read_file", {"path": "x"}),
        ("write_file", {"path": "x", "text": ""}),
        ("background_run", {}),
        ("run_tests", {"code": "x = 1"}),
    ):
        other = await client.call_tool(tool, {**arguments, "session_id": session_id})
        assert _without_time(text_of(other)) == _without_time(text)
    with pytest.raises(MCPError) as refused:
        await client.read_resource(f"sandbox://{session_id}/files/x")
    assert _without_time(str(refused.value)) == _without_time(text)
    return text


def _without_time(text: str) -> str:
    return re.sub(r"\d+ s ago", "", text)


async def test_one_that_was_idle(connect: Connect) -> None:
    settings = {"session_idle_seconds": "0.2", "session_scope": "explicit"}
    async with connect(InMemoryBackend(), **settings) as client:
        session_id = await session_of(client)
        await until_gone(client, session_id)

        assert re.match(ENDED.format("it was idle for 0 s"), await told(client, session_id))


async def test_one_that_was_too_old(connect: Connect) -> None:
    settings = {"session_max_seconds": "0.2", "session_idle_seconds": "0.9"}
    async with connect(InMemoryBackend(), session_scope="explicit", **settings) as client:
        session_id = await session_of(client)
        await until_gone(client, session_id)

        why = "it was 0 s old, the most that a session may be"
        assert re.match(ENDED.format(why), await told(client, session_id))


async def test_one_that_made_room(connect: Connect) -> None:
    settings = {"max_sessions": "2", "session_scope": "explicit"}
    async with connect(InMemoryBackend(), **settings) as client:
        session_id, *_ = [await session_of(client) for _ in range(3)]

        why = r"it was unused, and made room for another \(2 at most\)"
        assert re.match(ENDED.format(why), await told(client, session_id))


async def test_one_that_was_closed(connect: Connect) -> None:
    async with connect(InMemoryBackend(), session_scope="explicit") as client:
        session_id = await session_of(client)
        await client.call_tool("close_session", {"session_id": session_id})
        again = await client.call_tool("close_session", {"session_id": session_id})

        why = "it was closed with close_session"
        assert re.match(ENDED.format(why), await told(client, session_id))
        assert text_of(again).endswith("files are gone. There is nothing to close.")


async def test_one_of_a_server_that_was_restarted(connect: Connect) -> None:
    async with connect(InMemoryBackend(), session_scope="explicit") as client:
        session_id = await session_of(client)
    async with connect(InMemoryBackend(), session_scope="explicit") as client:
        text = await told(client, session_id)

    assert re.match(r"No such session: this server was started or restarted \d+ s ago", text)
    assert text.endswith("Call again without session_id to start a new session.")


def test_only_its_owner_is_told_and_only_for_an_hour() -> None:
    now = 0.0
    ended = EndedSessions(lambda: now)
    now = 4000.0
    ended.note("a", "one", "it was idle for 30 minutes")
    stranger = str(ended.not_found("a", "other"))

    assert str(ended.not_found("a", "one")).startswith("Session a ended 0 s ago: it was idle")
    assert stranger == str(ended.not_found("never", "other"))
    now += 3500
    assert "58 minutes ago" in str(ended.not_found("a", "one"))
    now += 200
    assert str(ended.not_found("a", "one")) == stranger


def test_memory_is_bounded() -> None:
    ended = EndedSessions(lambda: 0.0)
    for number in range(MAX_ENDED_SESSIONS + 1):
        ended.note(f"{number}", None, "it was idle")

    assert "0" not in ended
    assert "1" in ended
