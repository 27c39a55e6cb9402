"""Sessions that outlive their server, with a real server on stdio and the keeper of this user."""

from __future__ import annotations

import re
import signal
from typing import TYPE_CHECKING

import pytest
from protocol.support import record_of, text_of
from security.outliving import left_by_alice, session_of, sessions_of

from bellglass.sandboxes.errors import SessionNotFound

if TYPE_CHECKING:
    from pathlib import Path

    from security.outliving import Host

UNKNOWN = "0" * 32

ENDLESS = "y = 2\nprint('on', flush=True)\nwhile True: pass"

COUNTING = """
import time
for number in range(10**6):
    print(number, flush=True)
    time.sleep(0.1)
"""


@pytest.mark.parametrize(
    ("era", "number"),
    [("legacy", signal.SIGKILL), ("modern", signal.SIGKILL), ("legacy", signal.SIGTERM)],
    ids=["killed", "killed, modern", "stopped"],
)
async def test_the_next_server_goes_on_with_variables_files_and_runs(
    host: Host, era: str, number: signal.Signals
) -> None:
    async with host.server(era) as talk:
        session_id = session_of(await talk.run("x = 41; print(file=open('kept', 'w'))"))
        assert "Started r1" in await talk.run(COUNTING, session_id=session_id, background=True)
        await talk.start(ENDLESS, session_id=session_id)
        talk.wire.process.send_signal(number)
        await talk.wire.ended(20)

    async with host.server(era) as talk:
        first = await talk.run("import os; print(x + y, os.listdir())", session_id=session_id)
        run = await talk.ask("background_run", session_id=session_id, run_id="r1", wait=0)
        another = await talk.run(COUNTING, session_id=session_id, background=True)
        second = await talk.run("x", session_id=session_id)
        await talk.ask("close_session", session_id=session_id)
        unknown = await talk.run("x", session_id=session_id)

    assert "43 ['kept']" in first
    assert "was interrupted, and is not repeated" in first
    assert "its variables and files are kept" in first
    assert "r1 goes on" in first
    assert "0\n1\n" in run
    assert "Started r2" in another
    assert "was restarted" not in second
    assert "Call again without session_id" in unknown


async def test_an_idle_session_outlives_the_end_of_input_and_its_run_can_be_read_first(
    host: Host,
) -> None:
    async with host.server() as talk:
        session_id = session_of(await talk.run("x = 41"))
        await talk.run("print('from the run')", session_id=session_id, background=True)

    async with host.server() as talk:
        run = await talk.ask("background_run", session_id=session_id, run_id="r1", wait=10)
        first = await talk.run("x + 1", session_id=session_id)
        await talk.ask("close_session", session_id=session_id)

    assert "from the run" in run
    assert "42" in first
    assert "interrupted" not in first


@pytest.mark.parametrize("era", ["legacy", "modern"])
async def test_over_http_a_killed_server_is_followed_by_one_that_goes_on(
    host: Host, era: str
) -> None:
    async with host.client(era) as (server, client):
        session_id = record_of(await client.call_tool("execute_python", {"code": "x = 41"}))[
            "session_id"
        ]
        await host.keeper()
        server.process.kill()
        await server.ended(20)

    async with host.client(era) as (_, client):
        arguments = {"code": "x + 1", "session_id": session_id}
        first = text_of(await client.call_tool("execute_python", arguments))
        await client.call_tool("close_session", {"session_id": session_id})

    assert "42" in first
    assert "its variables and files are kept" in first


async def test_what_is_not_the_session_of_the_caller_looks_like_one_that_never_was(
    host: Host,
) -> None:
    session_id = await host.kept()

    async with host.server(BELLGLASS_MEMORY_MB="256") as talk:
        other_limits = await talk.run("x", session_id=session_id)
    async with host.server(BELLGLASS_NETWORK="open") as talk:
        other_network = await talk.run("x", session_id=session_id)
    async with host.server() as talk:
        never_was = await talk.run("x", session_id=UNKNOWN)
        forged = await talk.run("x", session_id=session_id[:-1] + "0123"[session_id[-1] == "0"])
        async with host.server() as other:
            own = await talk.run("x + 1", session_id=session_id)
            of_another = await other.run("x", session_id=session_id)
        await talk.ask("close_session", session_id=session_id)

    assert "42" in own
    for text in (other_limits, other_network, forged, of_another):
        assert without_time(text) == without_time(never_was)


async def test_what_waits_can_be_closed(host: Host) -> None:
    session_id = await host.kept()

    async with host.server() as talk:
        closed = await talk.ask("close_session", session_id=session_id)
        again = await talk.run("x", session_id=session_id)

    assert "Closed." in closed
    assert "Call again without session_id" in again


async def test_a_session_is_only_for_the_owner_that_it_had(tmp_path: Path) -> None:
    session_id = await left_by_alice(tmp_path)
    async with sessions_of(tmp_path) as sessions:
        for stranger in ("mallory", None):
            with pytest.raises(SessionNotFound):
                await sessions.find(session_id, stranger)
        session = await sessions.find(session_id, "alice")
        with pytest.raises(SessionNotFound):
            await sessions.find(session_id, "mallory")
        after = await session.run("python", {"code": "x + 1"}, timeout=10)
        await sessions.close(session_id, "alice", "the test is over")

    assert after.value == "42"


def without_time(text: str) -> str:
    return re.sub(r"\d+ s ago", "some time ago", text)
