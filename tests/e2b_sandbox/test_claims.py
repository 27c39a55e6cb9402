"""Sessions of a killed server that the next server goes on with."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import httpx2
import pytest
from anyio import to_thread
from e2b_double import KEY, Fault, Wire
from e2b_sandbox.support import on, python, settings_for
from mcp.client.streamable_http import streamable_http_client
from protocol.support import TOKEN, connected, http_server, record_of, text_of

from bellglass.sandboxes.backends.e2b.machines.owner import Owner
from bellglass.sandboxes.backends.e2b.session_records import (
    MAX_RECORD_BYTES,
    Record,
    SessionRecords,
)
from bellglass.sandboxes.errors import SessionNotFound
from bellglass.sandboxes.files import write_part
from bellglass.sandboxes.sessions.session_hashes import hash_of_caller
from bellglass.sandboxes.sessions.sessions import Sessions

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from e2b_double import Double
    from mcp.types import CallToolResult

    from bellglass.sandboxes.backend import Backend

LATE = 60
"""Seconds that nothing here takes."""


async def left(double: Double, state: Path, what: str, url: str | None = None) -> str:
    """Have a server come to `what` and kill it; return the id of its session."""
    url = url or double.url
    command = [sys.executable, "-m", "e2b_sandbox.doomed", url, str(state), what]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    return await to_thread.run_sync(first_line_of, command, environment)


def first_line_of(command: list[str], environment: dict[str, str]) -> str:
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        process.kill()
    return line.decode().strip()


@asynccontextmanager
async def sessions_on(double: Double, state: Path, **urls: str) -> AsyncGenerator[Sessions]:
    backend = on(double, state=str(state), pause=True, **urls)

    async def choose() -> Backend:
        return backend

    with anyio.fail_after(3 * LATE):
        async with Sessions.open_all(
            choose, max_sessions=4, idle_seconds=600, age_seconds=3600
        ) as sessions:
            yield sessions


@pytest.mark.parametrize("what", ["nothing", "paused", "a run", "a call"])
async def test_a_session_is_taken_up_with_its_variables(
    double: Double, tmp_path: Path, what: str
) -> None:
    session_id = await left(double, tmp_path, what)
    async with sessions_on(double, tmp_path) as sessions:
        await (await sessions.backend())._sweep()  # type: ignore[attr-defined]
        for other in (session_id, "mallory"), (session_id, None), (session_id[::-1], "alice"):
            with pytest.raises(SessionNotFound):
                await sessions.find(*other)
        session = await sessions.find(session_id, "alice")
        assert await sessions.find(session_id, "alice") is session
        await write_part(session, "new", b"", 0)
        first = await python(session, "x + 1, open('kept').read()")
        left_runs = {run.id: run.state for run in session.runs}
        begun = await session.begin("python", {"code": "print(x)"}, timeout=LATE)
        [*_, run] = session.runs
        await run.outcome()
        told = await session.look(run.id)
        second = await python(session, "x + 2")

    assert (first.value, first.state) == ("(42, 'kept')", "kept")
    assert "The server was restarted" in first.notices[0]
    assert ("was interrupted" in first.notices[0]) == (what == "a call")
    assert left_runs == ({"r1": "running"} if what == "a run" else {})
    assert begun.status == "running"
    assert told.stdout.text == "41\n"
    assert (second.value, second.notices) == ("43", [])
    assert double.engine.made == 1
    assert double.engine.machines == {}  # a clean end leaves none
    assert os.listdir(tmp_path) == []


async def test_hiccups_between_a_kill_and_the_next_server_cost_no_session(
    double: Double, tmp_path: Path
) -> None:
    with Wire(double) as wire:
        session_id = await left(double, tmp_path, "a call", wire.url)
        away = Fault("POST /process.Process/*", status=502, body="not found", times=2)
        wrong = Fault("POST /v2/sandboxes/*/connect", status=404, times=1)
        double.engine.faults.add(away, wrong)
        urls = {"api_url": wire.url, "sandbox_url": wire.url}
        async with sessions_on(double, tmp_path, **urls) as sessions:
            session = await sessions.find(session_id, "alice")
            first = await python(session, "x + 1")
            double.call(wire.silence_connections)
            second = await python(session, "x + 2")

    assert (away.times, wrong.times) == (0, 0)
    assert (first.value, first.state) == ("42", "kept")
    assert "The server was restarted" in first.notices[0]
    assert (second.value, second.notices) == ("43", [])
    assert double.engine.made == 1


@pytest.mark.parametrize("what", ["half a request", "gone"])
async def test_what_cannot_be_brought_into_step_is_ended_and_told(
    double: Double, tmp_path: Path, what: str
) -> None:
    session_id = await left(double, tmp_path, what)
    [machine] = double.engine.machines.values()
    if what == "gone":
        double.do(double.engine.kill(machine))
    async with sessions_on(double, tmp_path) as sessions:
        session = await sessions.find(session_id, "alice")
        first = await python(session, "'x' in globals()")
        second = await python(session, "6 * 7")
        assert list(double.engine.machines) != [machine.id]
        assert len(double.engine.machines) == 1

    assert (first.value, first.state) == ("False", "lost")
    assert "its variables and files are lost" in first.notices[0]
    assert (second.value, second.state, second.notices) == ("42", "kept", [])


async def ask(url: str, code: str, **named: str) -> CallToolResult:
    """Call over HTTP, in the modern era."""
    headers = {"authorization": f"Bearer {TOKEN}"}
    async with (
        httpx2.AsyncClient(headers=headers, timeout=2 * LATE) as http,
        connected(streamable_http_client(url, http_client=http), "modern") as client,
    ):
        return await client.call_tool("execute_python", {"code": code, **named})


@pytest.mark.timeout(300)  # two servers, one after the other
async def test_over_http_a_killed_server_is_followed_by_one_that_goes_on(
    double: Double, tmp_path: Path
) -> None:
    settings = {**settings_for(double), "XDG_STATE_HOME": str(tmp_path)}
    settings["BELLGLASS_HTTP_TOKEN"] = TOKEN
    with http_server(**settings) as (server, url):
        session_id = record_of(await ask(url, "x = 41"))["session_id"]
        server.process.kill()
        server.process.wait()
    [file] = files(tmp_path)
    assert file.stat().st_mode & 0o777 == 0o600
    for secret in (session_id, KEY, TOKEN, *double.engine.tokens):
        assert secret not in file.name + file.read_text()

    with http_server(**settings) as (_, url):
        after = await ask(url, "x + 1", session_id=session_id)
        again = await ask(url, "x + 1", session_id=session_id)
        assert double.engine.made == len(double.engine.machines) == 1
        assert len(files(tmp_path)) == 1

    assert "42" in text_of(after)
    assert "The server was restarted" in text_of(after)
    assert record_of(after)["session_id"] == session_id
    assert "42" in text_of(again)
    assert "The server was restarted" not in text_of(again)


def files(state: Path) -> list[Path]:
    return list((state / "bellglass" / "e2b").iterdir())


SESSION = "a" * 32


def record(**other: object) -> Record:
    """A record of a dead server, of a session of alice."""
    fields = {
        "host": Owner.this().host,
        "process": "4194999-1",
        "sandbox": "i1",
        "pid": 7,
        "caller": hash_of_caller(SESSION, "alice"),
        "terms": "0" * 64,
        "created_at": time.time(),
        "until": time.time() + 600,
    }
    return Record.model_validate({**fields, **other})


def claimed(folder: Path, owner: str | None = "alice", terms: str = "0" * 64) -> bool:
    return SessionRecords(folder).claim(SESSION, owner, terms, Owner.this()) is not None


def test_a_record_is_claimed_once_by_whom_it_is_for(tmp_path: Path) -> None:
    folder = tmp_path / "e2b"
    records = SessionRecords(folder)
    records.write(SESSION, record())
    assert not claimed(folder, owner=None)
    assert not claimed(folder, owner="mallory")
    assert not claimed(folder, terms="1" * 64)  # other limits, program or engine
    assert claimed(folder)
    assert not claimed(folder)  # its holder lives
    assert records.sandboxes() == {"i1"}

    records.write(SESSION, record(host="elsewhere"))
    assert not claimed(folder)  # nobody knows if its holder lives
    records.write(SESSION, record(until=1.0))
    assert not claimed(folder)
    assert records.sandboxes() == set()
    assert list(folder.iterdir()) == []


def test_the_oldest_of_a_dead_server_makes_room_for_one_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bellglass.sandboxes.backends.e2b.session_records.MAX_RECORDS", 2)
    folder = tmp_path / "e2b"
    records = SessionRecords(folder)
    mine = {"host": Owner.this().host, "process": Owner.this().process}
    for number, fields in enumerate([{}, mine, {**mine, "sandbox": "i2"}]):
        records.write(f"{number}", record(**fields))
    records.write("4", record(**mine, sandbox="i3"))

    assert records.sandboxes() == {"i1", "i2"}


async def test_nothing_is_written_where_nobody_could_tell_that_we_are_dead(
    double: Double, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bellglass.sandboxes.backends.e2b.machines.owner._PROC", tmp_path / "proc")
    async with sessions_on(double, tmp_path / "state") as sessions:
        assert (await python(await sessions.open(), "6 * 7")).value == "42"
        assert os.listdir(tmp_path) == []


def test_what_is_no_record_of_ours_is_not_believed(tmp_path: Path) -> None:
    folder = tmp_path / "e2b"
    records = SessionRecords(folder)
    records.write(SESSION, record())
    [path] = folder.iterdir()
    good = path.read_text()

    for text in (
        "",
        "{}",
        "nonsense",
        "[" * 4000,
        good + " " * MAX_RECORD_BYTES,
        good.replace("7", '"7"'),
    ):
        path.write_text(text)
        assert not claimed(folder)
        assert records.sandboxes() == set()
    path.write_text(good)
    path.chmod(0o644)
    assert not claimed(folder)
    path.chmod(0o600)
    path.rename(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")
    assert not claimed(folder)
    path.unlink()
    os.mkfifo(path, 0o600)
    assert not claimed(folder)
    path.unlink()
    (tmp_path / "elsewhere").rename(path)
    folder.chmod(0o770)  # others could have put it there
    assert not claimed(folder)
    folder.chmod(0o700)
    assert claimed(folder)
