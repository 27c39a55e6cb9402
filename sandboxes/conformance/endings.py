"""Checks of how calls and sessions end: no process is left, and no more is lost than must be."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio

from bellglass.sandboxes.conformance.check import bash, check, python
from bellglass.sandboxes.sessions.session import Session

if TYPE_CHECKING:
    from bellglass.sandboxes.backend import Backend


@check
async def a_time_limit_keeps_the_variables(backend: Backend) -> None:
    async with Session.open(backend) as session:
        await python(session, "x = 1")
        execution = await python(session, "while True: pass", timeout=1)
        after = await python(session, "x")
    assert execution.status == "timeout"
    assert execution.state == "kept"
    assert execution.wall_seconds < 9  # 1 s, and time for a very busy machine
    assert after.value == "1"


@check
async def code_that_ignores_the_interrupt_costs_only_its_own_call(backend: Backend) -> None:
    stubborn = (
        "import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\nx = 2\nwhile True: pass"
    )
    async with Session.open(backend) as session:
        await python(session, "x = 1")
        execution = await python(session, stubborn, timeout=1)
        after = await python(session, "x")
    assert execution.status == "timeout"
    assert execution.state == "restored"
    assert after.value == "1"


@check
async def a_time_limit_ends_what_bash_started(backend: Backend) -> None:
    async with Session.open(backend) as session:
        execution = await bash(session, "sleep 61 & sleep 62", timeout=1)
        after = await bash(session, "grep -l sleep /proc/[0-9]*/comm")
    assert execution.status == "timeout"
    assert after.stdout.text == ""


@check
async def nothing_is_left_running(backend: Backend) -> None:
    code = "import subprocess\nsubprocess.Popen(['sleep', '63'], start_new_session=True)\n'started'"
    async with Session.open(backend) as session:
        execution = await python(session, code)
        after = await bash(session, "grep -l sleep /proc/[0-9]*/comm")
    assert execution.killed_processes == 1
    assert after.stdout.text == ""


@check
async def a_crash_costs_only_its_own_call(backend: Backend) -> None:
    async with Session.open(backend) as session:
        await python(session, "x = 1")
        crash = await python(session, "import os\nx = 2\nos.abort()")
        left = await python(session, "import os\nos._exit(0)")
        after = await python(session, "x")
    assert (crash.status, crash.signal, crash.state) == ("crashed", "SIGABRT", "restored")
    assert (left.status, left.exit_code) == ("crashed", 0)
    assert after.value == "1"


@check
async def a_crash_goes_back_to_the_last_copy_however_old(backend: Backend) -> None:
    size = backend.limits.memory_bytes * 6 // 10
    async with Session.open(backend) as session:
        await python(session, "x = 1")
        await python(session, f"large = b'x' * {size}")  # two of it would not fit: no copy
        await bash(session, "true")
        await python(session, "x = 2")
        crash = await python(session, "import os\nos.abort()")
        after = await python(session, "x, 'large' in globals()")
        again = await python(session, "import os\nos.abort()")
    assert (crash.state, crash.undone_calls) == ("restored", 2)
    assert any("after call 1 of Python" in notice for notice in crash.notices)
    assert after.value == "(1, False)"
    assert (again.state, again.undone_calls) == ("restored", 0)


@check
async def a_cancelled_call_stops_and_keeps_the_variables(backend: Backend) -> None:
    async with Session.open(backend) as session:
        await python(session, "x = 1")
        with anyio.move_on_after(1):
            await python(session, "import time\ntime.sleep(30)")
        with anyio.fail_after(10):
            after = await python(session, "x")
    assert after.value == "1"
    assert after.state == "kept"


@check
async def a_call_taken_back_while_it_is_sent_costs_nothing(backend: Backend) -> None:
    large = f"import time\ntime.sleep(30)\n# {'-' * 4 * 1024**2}"
    seen = []
    async with Session.open(backend) as session:
        await python(session, "x = 1")
        for seconds in (0, 0.0005, 0.001, 0.002, 0.005, 0.01):
            for code in ("import time; time.sleep(30)", large):
                with anyio.move_on_after(seconds):
                    await python(session, code)
                with anyio.fail_after(20):
                    seen.append(await python(session, "x"))
    assert [(after.value, after.state) for after in seen] == [("1", "kept")] * 12


@check
async def a_run_taken_back_before_it_began_is_not_listed(backend: Backend) -> None:
    async with Session.open(backend) as session:
        await python(session, "x = 1")
        with anyio.move_on_after(0):
            await session.begin("python", {"code": "1"}, timeout=30)
        listed = list(session.runs)
        after = await python(session, "x")
    assert listed == []
    assert after.value == "1"


@check
async def leaving_the_session_leaves_nothing(backend: Backend) -> None:
    async with Session.open(backend) as session:
        await python(session, "import time")
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(python, session, "time.sleep(60)")
            await anyio.sleep(0.2)
            tasks.cancel_scope.cancel()
    with anyio.fail_after(10):
        async with Session.open(backend) as session:
            execution = await python(session, "'a new one'")
    assert execution.value == "'a new one'"
