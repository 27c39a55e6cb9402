"""Containers that somebody else stops, pauses or has left behind."""

from __future__ import annotations

import os
import signal
import sys
import time
from typing import TYPE_CHECKING

import anyio
import pytest
from conftest import LIMITS
from docker_sandbox.watching import container_of, containers, gone, python
from meanwhile import while_running

from bellglass.sandboxes import connection
from bellglass.sandboxes.backends.docker import DockerBackend
from bellglass.sandboxes.backends.docker.image import IMAGE
from bellglass.sandboxes.backends.docker.owner import OWNER, Owner, process_name
from bellglass.sandboxes.sessions.session import Session

if TYPE_CHECKING:
    from collections.abc import Callable

    from docker import APIClient

SERVER = """
import anyio
from bellglass.sandboxes.session_limits import Limits
from bellglass.sandboxes.backends.docker import DockerBackend
from bellglass.sandboxes.sessions.session import Session

async def main():
    async with Session.open(DockerBackend(Limits())) as session:
        await session.begin("bash", {"command": "setsid sleep 900 & sleep 900"}, timeout=900)
        print(session.id, flush=True)
        await session.run("python", {"code": "while True: pass"}, timeout=300)

anyio.run(main)
"""


@pytest.mark.parametrize(
    "end",
    [
        lambda engine, container: engine.remove_container(container, force=True),
        lambda engine, container: engine.kill(container),
        lambda engine, container: engine.stop(container, timeout=0),
    ],
    ids=["rm -f", "kill", "stop"],
)
async def test_a_container_that_is_ended_from_outside_costs_its_call(
    backend: DockerBackend, engine: APIClient, end: Callable[[APIClient, str], None]
) -> None:
    async with Session.open(backend) as session:
        await python(session, "x = 1")
        container = container_of(engine, session)

        async def end_it() -> None:
            await anyio.to_thread.run_sync(end, engine, container)

        ended = await while_running(session, end_it)
        after = await python(session, "'x' in dir()")

    assert ended.status == ended.state == "lost"
    assert after.value == "False"
    await gone(engine, container)


async def test_a_container_that_is_paused_is_given_up_and_removed(
    backend: DockerBackend, engine: APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "REPLY_GRACE_SECONDS", 1.0)
    async with Session.open(backend) as session:
        await python(session, "x = 1")
        container = container_of(engine, session)
        engine.pause(container)

        with anyio.fail_after(60):
            lost = await python(session, "x", timeout=1)
            after = await python(session, "'x' in dir()")

    assert lost.status == "lost"
    assert after.value == "False"
    await gone(engine, container)


async def test_a_closed_session_leaves_no_container(
    backend: DockerBackend, engine: APIClient
) -> None:
    async with Session.open(backend) as session:
        await python(session, "1")
        container = container_of(engine, session)

    await gone(engine, container)


async def test_a_session_that_is_cancelled_while_it_starts_leaves_no_container(
    backend: DockerBackend, engine: APIClient
) -> None:
    await backend.start()
    for milliseconds in (5, 40, 80, 120, 200):
        with anyio.move_on_after(milliseconds / 1000):
            async with Session.open(backend) as session:
                await python(session, "import time\ntime.sleep(60)", timeout=60)

        label = f"bellglass.session={session.id}"
        with anyio.fail_after(60):
            # A creation that was under way ends in its thread, and then removes what it made.
            while containers(engine, label):  # noqa: ASYNC110 - an engine has no event for it
                await anyio.sleep(0.05)


async def test_two_servers_leave_each_other_alone(
    backend: DockerBackend, engine: APIClient
) -> None:
    async with Session.open(backend) as session:
        await python(session, "x = 1")
        other = DockerBackend(LIMITS)
        try:
            async with Session.open(other) as second:  # its start sweeps
                assert (await python(second, "1")).status == "ok"
            after = await python(session, "x")
        finally:
            await other.aclose()

    assert after.value == "1"


async def test_a_killed_server_leaves_no_container(engine: APIClient) -> None:
    async with await anyio.open_process([sys.executable, "-c", SERVER]) as process:
        assert process.stdout is not None
        session_id = (await process.stdout.receive()).decode().strip()
        (found,) = containers(engine, f"bellglass.session={session_id}")
        process.send_signal(signal.SIGKILL)

        await gone(engine, found["Id"])


def left(engine: APIClient, labels: dict[str, str]) -> str:
    """Create a container as a server does that dies before it starts it."""
    made = engine.create_container(IMAGE, ["true"], labels=labels, network_disabled=True)
    return str(made["Id"])


async def test_a_start_sweeps_what_a_dead_server_left(
    backend: DockerBackend, engine: APIClient
) -> None:
    process = await anyio.open_process([sys.executable, "-c", "import time; time.sleep(60)"])
    labels = Owner(lifetime_seconds=3600).labels("ab" * 16)
    labels["bellglass.process"] = process_name(process.pid)
    alive, of_ours = (
        left(engine, labels),
        left(engine, Owner(lifetime_seconds=60).labels("cd" * 16)),
    )
    try:
        await backend.start()
        assert {alive, of_ours} <= {each["Id"] for each in containers(engine, OWNER)}
        process.kill()
        await process.wait()
        again = DockerBackend(LIMITS)
        await again.start()
        await again.aclose()

        await gone(engine, alive)
        assert of_ours in {each["Id"] for each in containers(engine, OWNER)}
    finally:
        for container in (alive, of_ours):
            if container in {each["Id"] for each in engine.containers(all=True)}:
                engine.remove_container(container, force=True)
        await process.aclose()


async def test_a_start_sweeps_what_is_older_than_any_session(
    backend: DockerBackend, engine: APIClient
) -> None:
    elsewhere = {OWNER: "other", "bellglass.process": "", "bellglass.created": str(time.time())}
    old = left(engine, {**elsewhere, "bellglass.expires": str(time.time() - 1)})
    young = left(engine, {**elsewhere, "bellglass.expires": str(time.time() + 600)})
    try:
        await backend.start()

        await gone(engine, old)
        assert young in {each["Id"] for each in containers(engine, OWNER)}
    finally:
        engine.remove_container(young, force=True)


@pytest.mark.timeout(300)
async def test_fifty_sessions_opened_at_once_all_answer(engine: APIClient) -> None:
    backend = DockerBackend(LIMITS)
    values: list[str | None] = []

    async def one() -> None:
        async with Session.open(backend) as session:
            values.append((await python(session, f"{os.getpid()} * 0 + 2", timeout=60)).value)

    async with anyio.create_task_group() as tasks:
        for _ in range(50):
            tasks.start_soon(one)
    await backend.aclose()

    assert values == ["2"] * 50
