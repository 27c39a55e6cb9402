"""Checks of background runs: they outlive their call, and nothing else does."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import anyio

from bellglass.sandboxes.conformance.check import bash, check, python
from bellglass.sandboxes.sessions.session import Session

if TYPE_CHECKING:
    from bellglass.sandboxes.backend import Backend
    from bellglass.sandboxes.execution import Execution

SLEEPERS = "grep -l sleep /proc/[0-9]*/comm | wc -l"


async def begun(session: Session, op: str, code: str, timeout: float = 60) -> str:
    """Start a background run and return its id."""
    arguments = {"code" if op == "python" else "command": code}
    execution = await session.begin(op, arguments, timeout=timeout)
    assert execution.status == "running", execution
    return execution.runs[0].id


async def outcome(session: Session, run: str, *, end: bool = False) -> Execution:
    """Wait until its code has returned, or with `end` all its processes have ended; read it."""
    with anyio.fail_after(60):
        await session.runs.get(run).outcome(end=end)
    return await session.look(run)


@check
async def a_background_run_outlives_its_call_and_is_read_in_parts(backend: Backend) -> None:
    code = "import os, time\nprint('one')\nwhile not os.path.exists('go'): time.sleep(0.02)\nx + 1"
    async with Session.open(backend) as session:
        await python(session, "x = 41")
        run = await begun(session, "python", code)
        text = ""
        with anyio.fail_after(20):
            while not text:
                part = await session.look(run)
                text += part.stdout.text
        await bash(session, "touch go")
        rest = await outcome(session, run)
    assert (part.status, text) == ("running", "one\n")
    assert (rest.status, rest.stdout.text, rest.value) == ("ok", "", "42")


@check
async def a_background_run_leaves_the_variables_alone(backend: Backend) -> None:
    async with Session.open(backend) as session:
        await python(session, "x = [1]")
        await bash(session, "cd /tmp; y=2")
        runs = [
            await begun(session, "python", "x.append(2)\nraise ValueError(x)"),
            await begun(session, "bash", "echo $y $PWD; y=3; cd /; exit 4"),
        ]
        first, second = [await outcome(session, run) for run in runs]
        after = await python(session, "x")
        shell = await bash(session, "echo $y $PWD")
    assert first.error is not None
    assert first.error.message == "[1, 2]"
    assert (second.status, second.exit_code) == ("exit", 4)
    assert second.stdout.text == "2 /tmp\n"
    assert after.value == "[1]"
    assert shell.stdout.text == "2 /tmp\n"


@check
async def a_sweep_spares_background_runs_and_nothing_else(backend: Backend) -> None:
    daemon = "(setsid sleep 71 >/dev/null 2>&1 &) ; "
    async with Session.open(backend) as session:
        run = await begun(session, "bash", f"{daemon} sleep 72")
        await bash(session, f"while [ $({SLEEPERS}) != 2 ]; do sleep 0.02; done")
        killed_processes = await bash(session, f"{daemon} sleep 0.1")
        left = await bash(session, SLEEPERS)
        state = await session.look(run)
    assert killed_processes.killed_processes == 1
    assert left.stdout.text == "2\n"
    assert state.status == "running"


@check
async def stopping_a_background_run_ends_all_that_it_started(backend: Backend) -> None:
    command = "trap '' INT; for i in 1 2 3; do (setsid sleep 73 &) ; done; sleep 74"
    async with Session.open(backend) as session:
        run = await begun(session, "bash", command)
        await bash(session, f"while [ $({SLEEPERS}) != 4 ]; do sleep 0.02; done")
        await session.look(run, "stop")
        ended = await outcome(session, run, end=True)
        left = await bash(session, SLEEPERS)
    assert ended.status == "cancelled"
    assert left.stdout.text == "0\n"


@check
async def a_server_in_the_background_answers_later_calls(backend: Backend) -> None:
    serve = """
import socket, threading
server = socket.create_server(("127.0.0.1", 8123))
def answer():
    while True:
        server.accept()[0].sendall(b"hello")
threading.Thread(target=answer).start()
print("up", flush=True)
"""
    ask = "import socket\nsocket.create_connection(('127.0.0.1', 8123)).recv(9)"
    async with Session.open(backend) as session:
        run = await begun(session, "python", serve)
        returned = await outcome(session, run)
        answers = [(await python(session, ask)).value for _ in range(2)]
    assert returned.runs[0].state == "returned"
    assert answers == ["b'hello'"] * 2


@check
async def a_background_run_ends_at_its_own_time_limit(backend: Backend) -> None:
    async with Session.open(backend) as session:
        run = await begun(session, "python", "while True: pass", timeout=1)
        ended = await outcome(session, run, end=True)
    assert ended.status == "timeout"
    assert ended.wall_seconds < 20


@check
async def a_memory_bomb_in_the_background_costs_only_its_run(backend: Backend) -> None:
    step = min(backend.limits.memory_bytes // 16, 64 * 1024**2)
    bomb = f"kept = []\nwhile True: kept.append(b'x' * {step})"
    async with Session.open(backend) as session:
        await python(session, "x = 1")
        quiet = await begun(session, "bash", "sleep 75")
        run = await begun(session, "python", bomb)
        ended = await outcome(session, run, end=True)
        after = await python(session, "x")
        other = await session.look(quiet)
    # Python may reach its own limit first, and then raises MemoryError.
    memory_error = ended.error is not None and ended.error.name == "MemoryError"
    assert ended.status == "oom" or memory_error, ended
    assert (after.value, after.state) == ("1", "kept")
    assert other.status == "running"


@check
async def background_runs_are_asked_about_while_a_call_runs(backend: Backend) -> None:
    # The call lasts as long as the run does: it ends in time only if the run is stopped during it.
    command = f"echo on; while [ $({SLEEPERS}) != 0 ]; do :; done; echo over"
    runs = anyio.Event()
    executions: list[Execution] = []

    async def on_stream(_: object) -> None:
        runs.set()

    async def call(session: Session) -> None:
        run = partial(session.run, "bash", {"command": command}, timeout=30)
        executions.append(await run(on_stream=on_stream))

    async with Session.open(backend) as session:
        run = await begun(session, "bash", "sleep 76")
        await bash(session, f"while [ $({SLEEPERS}) != 1 ]; do sleep 0.02; done")
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(call, session)
            with anyio.fail_after(25):
                await runs.wait()
            await session.look(run, "stop")
            ended = await outcome(session, run, end=True)
    assert ended.status == "cancelled"
    assert [(each.status, each.stdout.text) for each in executions] == [("ok", "on\nover\n")]
