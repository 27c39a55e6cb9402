"""Checks of sessions that outlive their server: the next one goes on with them."""

from __future__ import annotations

from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

import anyio

from bellglass.sandboxes.conformance.background import begun, outcome
from bellglass.sandboxes.conformance.check import bash, check, python
from bellglass.sandboxes.errors import SessionNotFound
from bellglass.sandboxes.sessions.sessions import Sessions

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from bellglass.sandboxes.backend import Backend
    from bellglass.sandboxes.execution import Execution
    from bellglass.sandboxes.sessions.session import Session

RUN = """
import os, time
print('one', flush=True)
while not os.path.exists('go'): time.sleep(0.02)
print('two')
"""

ENDLESS = "calls += 1\nprint('on', flush=True)\nwhile True: pass"


@check
async def a_session_outlives_its_server(backend: Backend) -> None:
    async with _server(backend) as sessions:
        left = await sessions.open("ann")
        await python(left, "calls = 0; print('here', file=open('kept', 'w'))")
        run = await begun(left, "python", RUN)
        await _interrupted(left, sessions)
    async with _server(backend) as sessions:
        with suppress(SessionNotFound):
            await sessions.find(left.id, "bob")
            raise AssertionError("another caller has found the session")
        first = await _looked(sessions, left)
        second = await _looked(sessions, left)
        session = await sessions.find(left.id, "ann")
        await bash(session, "touch go")
        printed = await outcome(session, run)
        await sessions.close(session.id, "ann", "the check is over")
    told = " ".join(first.notices)
    assert first.value == "[1, 'here\\n']", first
    assert "was interrupted, and is not repeated" in told
    assert f"{run} goes on" in told
    assert (second.value, second.notices) == (first.value, [])
    assert printed.stdout.text == "one\ntwo\n", printed


@asynccontextmanager
async def _server(backend: Backend) -> AsyncGenerator[Sessions]:
    """Serve sessions on the backend; leaving the context is the end of the server."""

    async def choose() -> Backend:
        return backend

    async with Sessions.open_all(
        choose, max_sessions=4, idle_seconds=600, age_seconds=600, detached_seconds=60, pool=0
    ) as sessions:
        yield sessions


async def _looked(sessions: Sessions, left: Session) -> Execution:
    session = await sessions.find(left.id, "ann")
    return await python(session, "[calls, open('kept').read()]")


async def _interrupted(session: Session, sessions: Sessions) -> None:
    """Return while a call goes on, of which the server has let go as after a signal."""
    began = anyio.Event()

    async def on_stream(_: object) -> None:
        began.set()

    async def call() -> None:
        with suppress(SessionNotFound):
            await session.run("python", {"code": ENDLESS}, timeout=60, on_stream=on_stream)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(call)
        await began.wait()
        sessions.leave()
