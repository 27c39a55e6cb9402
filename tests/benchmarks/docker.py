"""The Docker backend beside the embedded one, and beside the usual way: an exec for every call."""

from __future__ import annotations

import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
from anyio import to_thread

from bellglass.sandboxes.backends.docker.image import IMAGE
from bellglass.sandboxes.backends.docker.image.client import connect
from bellglass.sandboxes.errors import SandboxUnavailable

from .peers import OURS, call, connected, record_of
from .rows import MIB, Row, Times, timed

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from docker import DockerClient
    from mcp import Client

    from .rows import Run

DOCKER = [*OURS, "--sandbox", "docker"]

SESSIONS = 50
LINES = 1_000_000
"""Of ten bytes each: the 10 MB that are printed."""


async def docker(run: Run) -> list[Row]:
    """All rows; one that says why if there is no engine."""
    try:
        engine = await to_thread.run_sync(connect)
    except SandboxUnavailable as exc:
        return [Row(f"docker: {exc.reason}", float("nan"))]
    with engine.api:
        rows = await _warm(run, engine)
        rows += await _fresh(run)
        rows += await _output(run)
        rows += await _many(run)
    return rows


async def _warm(run: Run, engine: DockerClient) -> list[Row]:
    """A warm call in a container, in the embedded backend, and as an exec of Python."""
    ours, embedded, execs = Times(), Times(), Times()
    async with (
        connected(DOCKER, "modern", run.log) as docker,
        connected(OURS, "modern", run.log) as local,
    ):
        in_docker, in_local = await _session(docker), await _session(local)
        with _idle_container(engine) as container:
            command = ["python3", "-I", "-c", "print(1+1)"]
            for _ in range(run.rounds):
                await run.quiet.wait()
                calls = run.calls
                ours.rounds.append(await _several(calls, lambda: _python(docker, in_docker)))
                embedded.rounds.append(await _several(calls, lambda: _python(local, in_local)))
                execs.rounds.append(
                    await _several(5, lambda: to_thread.run_sync(container.exec_run, command))
                )
    over = ours.quieter_half().median - embedded.quieter_half().median
    return [
        Row(
            'docker: execute_python("1+1"), warm',
            ours.quieter_half().median,
            p95=ours.quieter_half().p95,
            aim=f"embedded ({embedded.quieter_half().median:.1f}) + 2 ms",
            holds=over <= 2,
        ),
        Row("docker exec of python for each call", execs.median, p95=execs.p95),
    ]


async def _fresh(run: Run) -> list[Row]:
    """A new session each time; the next one is made ready in the meantime."""
    times = Times()
    async with connected(DOCKER, "modern", run.log) as client:
        await _session(client)
        for _ in range(run.rounds * 2):
            await run.quiet.wait()
            started = time.perf_counter()
            session_id = await _session(client)
            times.rounds.append([(time.perf_counter() - started) * 1000])
            await call(client, "close_session", session_id=session_id)
            await anyio.sleep(1)  # for the pool to fill: people wait longer between conversations
    name = "docker: new session to first result, from the pool"
    return [Row(name, times.median, p95=times.p95, aim="20 ms", holds=times.median <= 20)]


async def _output(run: Run) -> list[Row]:
    """10 MB through a session, and through `docker run`."""
    ours, plain = Times(), Times()
    command = ["docker", "run", "--rm", "--network", "none", IMAGE]
    command += ["sh", "-c", f"yes 012345678 | head -n {LINES}"]

    async def docker_run() -> None:
        done = await anyio.run_process(command)
        assert len(done.stdout) == 10 * LINES

    async with connected(DOCKER, "modern", run.log) as client:
        session_id = await _session(client)
        code = f"print('012345678\\n' * {LINES}, end='')"
        for _ in range(run.rounds):
            await run.quiet.wait()
            ours.rounds.append(
                [await timed(call(client, "execute_python", code=code, session_id=session_id))]
            )
            plain.rounds.append([await timed(docker_run())])
    aim = f"2 x docker run ({plain.median:.0f} ms)"
    held = ours.median <= 2 * plain.median
    return [Row("docker: a call that prints 10 MB", ours.median, p95=ours.p95, aim=aim, holds=held)]


async def _many(run: Run) -> list[Row]:
    """Sessions at once, and the memory that they take while they wait."""
    await run.quiet.wait()
    async with connected(DOCKER, "modern", run.log) as client:
        await _session(client)
        await anyio.sleep(2)
        before = _available()
        ids: list[str] = []

        async def one() -> None:
            ids.append(await _session(client))

        started = time.perf_counter()
        async with anyio.create_task_group() as tasks:
            for _ in range(SESSIONS):
                tasks.start_soon(one)
        elapsed = (time.perf_counter() - started) * 1000
        await anyio.sleep(3)
        taken = before - _available()
        assert len(set(ids)) == SESSIONS
    return [
        Row(f"docker: {SESSIONS} new sessions at once, until the last result", elapsed),
        Row("docker: idle session, of the machine's memory", taken / SESSIONS / MIB, "MB"),
    ]


async def _session(client: Client) -> str:
    result = await call(client, "execute_python", code="1+1")
    return str(record_of(result)["session_id"])


async def _python(client: Client, session_id: str) -> None:
    await call(client, "execute_python", code="1+1", session_id=session_id)


async def _several(number: int, action: Callable[[], Awaitable[object]]) -> list[float]:
    return [await timed(action()) for _ in range(number)]


@contextmanager
def _idle_container(engine: DockerClient) -> Iterator[Any]:
    container = engine.containers.run(
        IMAGE, ["sleep", "600"], detach=True, network_disabled=True, init=True
    )
    try:
        yield container
    finally:
        container.remove(force=True)


def _available() -> int:
    """Return the memory that the machine could still give, in bytes (proc_meminfo(5))."""
    for line in Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    raise AssertionError("no MemAvailable")
