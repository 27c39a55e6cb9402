"""Several callers of one server over HTTP: one of them cannot use up what the others need.

All of them call from the loopback: only their connections tell them apart.
"""

from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import httpx2
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from protocol.support import INITIALIZE, connected, http_server, record_of, text_of

from bellglass.sandboxes.sessions.check_sessions import MAX_WAITING_CHECKS

ERAS = pytest.mark.parametrize("era", ["legacy", "modern"])

LONG_TO_CHECK = "x = [1, 2]\n" * 9_000  # as much as is looked through

HEADERS = {"accept": "application/json, text/event-stream"}


@pytest.fixture
def url() -> Generator[str]:
    """A server with room for four sessions, and a policy that every program is checked by."""
    settings = {"BELLGLASS_MAX_SESSIONS": "4", "BELLGLASS_SESSION_SCOPE": "explicit"}
    with http_server(BELLGLASS_REFUSE_IMPORTS="ctypes", **settings) as (_, url):
        yield url


@asynccontextmanager
async def caller(url: str, era: str = "legacy") -> AsyncGenerator[Client]:
    async with connected(streamable_http_client(url), era) as client:
        yield client


async def run(client: Client, code: str, **arguments: Any) -> Any:
    return await client.call_tool("execute_python", {"code": code, **arguments})


@ERAS
async def test_checks_of_one_caller_hold_up_no_other(url: str, era: str) -> None:
    """Neither a check of another, nor a run that is checked first."""
    answered: list[str] = []

    async def check(client: Client) -> None:
        result = await client.call_tool("validate_code", {"code": LONG_TO_CHECK})
        answered.append(text_of(result))

    async with caller(url, "legacy") as greedy, caller(url, era) as other:
        session_id = record_of(await run(other, "1"))["session_id"]
        async with anyio.create_task_group() as tasks:
            for _ in range(20):
                tasks.start_soon(check, greedy)
            with anyio.fail_after(60):
                while not answered:  # noqa: ASYNC110 - the first tells that the others wait
                    await anyio.sleep(0.01)
            checked = text_of(await other.call_tool("validate_code", {"code": "1 +"}))
            ran = text_of(await run(other, "6 * 7", session_id=session_id))
            before = len(answered)
            tasks.cancel_scope.cancel()

    assert "line 1" in checked
    assert ran.startswith("42\n")
    assert before <= 12, "Two in turn for each of two of the other's, and some in between."


async def test_a_caller_has_no_more_checks_waiting_than_a_bound(url: str) -> None:
    answers: list[str] = []

    async def check(client: Client) -> None:
        result = await client.call_tool("validate_code", {"code": LONG_TO_CHECK})
        answers.append(text_of(result))
        if f"{MAX_WAITING_CHECKS} checks of yours are waiting already" in answers[-1]:
            tasks.cancel_scope.cancel()

    async with caller(url) as client:
        with anyio.fail_after(60):
            async with anyio.create_task_group() as tasks:
                for _ in range(2 * MAX_WAITING_CHECKS):
                    tasks.start_soon(check, client)

    assert f"{MAX_WAITING_CHECKS} checks of yours are waiting already" in answers[-1]


@ERAS
async def test_uploads_of_strangers_end_no_session(url: str, era: str) -> None:
    """Each on a connection of its own, as one who means it would."""
    async with caller(url, era) as victim:
        session_id = record_of(await run(victim, "kept = 41"))["session_id"]
        for _ in range(12):
            async with httpx2.AsyncClient() as stranger:
                new = url.replace("/mcp", "/files/new/x")
                assert (await stranger.post(new, content=b"x")).status_code == 201

        assert text_of(await run(victim, "kept + 1", session_id=session_id)).startswith("42\n")


@ERAS
async def test_sessions_of_one_caller_make_room_for_its_own(url: str, era: str) -> None:
    async with caller(url, era) as victim, caller(url, "legacy") as greedy:
        session_id = record_of(await run(victim, "kept = 41"))["session_id"]
        opened = [record_of(await run(greedy, "1"))["session_id"] for _ in range(8)]
        gone = [(await run(greedy, "1", session_id=one)).is_error for one in opened]

        assert text_of(await run(victim, "kept + 1", session_id=session_id)).startswith("42\n")
        assert gone == [True] * 5 + [False] * 3


@ERAS
async def test_background_runs_of_one_caller_leave_room_for_another(url: str, era: str) -> None:
    async with caller(url, "legacy") as greedy, caller(url, era) as other:
        begun = [await run(greedy, "import time; time.sleep(60)", background=True) for _ in "1234"]
        answer = text_of(await run(other, "6 * 7"))

    assert [result.is_error for result in begun] == [False] * 3 + [True]
    assert "All 3 sessions that one client may have are busy" in text_of(begun[3])
    assert answer.startswith("42\n")


async def test_connections_that_were_only_opened_make_room_for_others() -> None:
    with http_server(BELLGLASS_MAX_SESSIONS="1") as (_, url):
        async with httpx2.AsyncClient(headers=HEADERS, timeout=30) as http, caller(url) as used:
            await run(used, "kept = 41")
            flood = [await http.post(url, json=INITIALIZE) for _ in range(12)]
            async with caller(url) as newcomer:
                tools = (await newcomer.list_tools()).tools
            first, last = (flood[at].headers["mcp-session-id"] for at in (0, -1))
            pings = [
                await http.post(
                    url,
                    json={"jsonrpc": "2.0", "id": 1, "method": "ping"},
                    headers={"mcp-session-id": name, "mcp-protocol-version": "2025-11-25"},
                )
                for name in (first, last)
            ]
            answer = text_of(await run(used, "kept + 1"))

    assert [response.status_code for response in flood] == [200] * 12
    assert tools
    assert [response.status_code for response in pings] == [404, 200]
    assert answer.startswith("42\n")


async def test_connections_in_use_are_bounded_and_none_is_ended_for_another() -> None:
    ping = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
    statuses = []
    with http_server(BELLGLASS_MAX_SESSIONS="1") as (_, url):
        async with httpx2.AsyncClient(headers=HEADERS, timeout=30) as http:
            for _ in range(6):
                opened = await http.post(url, json=INITIALIZE)
                statuses.append(opened.status_code)
                if opened.status_code == 200:
                    name = {"mcp-session-id": opened.headers["mcp-session-id"]}
                    pings = [await http.post(url, json=ping, headers=name) for _ in range(3)]
                    assert [response.status_code for response in pings] == [200] * 3

    assert statuses == [200] * 4 + [503] * 2
