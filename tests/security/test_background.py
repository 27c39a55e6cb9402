"""Background runs cannot end the session, and cannot lie about another run."""

from __future__ import annotations

import time

import anyio
import pytest
from conftest import LIMITS
from security.support import Target, begun, ended, ticks_of, until

from bellglass.sandboxes.backends.embedded import EmbeddedBackend
from bellglass.sandboxes.sessions.sessions import Sessions


async def test_a_fork_bomb_is_stopped_whole(target: Target) -> None:
    run = await begun(target, "bash", "while :; do (setsid sleep 78 &) ; done 2>/dev/null")
    with anyio.fail_after(30):
        while (await target.session.look(run)).runs[0].processes < 20:
            pass

    # The session has no process to spare, and still runs Python; then the bomb goes, all of it.
    during = await target.session.run("python", {"code": "6 * 7"}, timeout=20)
    await target.session.look(run, "stop")
    result = await ended(target, run)
    left = await target.session.run("bash", {"command": "ls -d /proc/[0-9]* | wc -l"}, timeout=20)

    assert during.value == "42"
    assert result.status == "cancelled"
    # PID 1, the interpreter and its copy, and what counts: bash, ls, wc.
    assert int(left.stdout.text) <= 6


async def test_a_flood_between_calls_costs_a_bound(target: Target) -> None:
    started = time.monotonic()
    run = await begun(target, "bash", "head -c 1G /dev/zero | tr '\\0' x")
    total = 0
    with anyio.fail_after(60):
        while total < target.limits.output_file_bytes:
            await anyio.sleep(0.5)
            part = await target.session.look(run)
            total += part.stdout.total_bytes
            assert len(part.stdout.text) < target.limits.output_bytes + 200
    size = await target.session.run(
        "bash", {"command": f"stat -c %s /tmp/{run}-stdout.txt"}, timeout=20
    )
    seconds = time.monotonic() - started

    assert int(size.stdout.text) <= target.limits.output_file_bytes
    # What the pipe gives in a second is bounded, or the flood would cost PID 1 a processor.
    assert total < (seconds + 1) * 45e6
    await target.session.look(run, "stop")
    assert (await ended(target, run)).status == "cancelled"


async def test_a_run_cannot_answer_for_another(target: Target) -> None:
    """A run finds the number and the nonce that it has itself, and sends them round."""
    liar = """
import json, os, time
control = own_control()
nonce = own_nonce()
for fd in range(3, 1200):
    if fd != control.socket.fileno():
        try: os.write(fd, b'{}')
        except OSError: pass
for name in ("r1", "r2", "0" * 32, nonce):
    control.send({"type": "answer", "nonce": name, "status": "ok", "value": "FORGED"})
print("lied", flush=True)
time.sleep(60)
"""
    honest = await begun(target, "bash", "sleep 60")
    run = await begun(target, "python", liar)
    with anyio.fail_after(20):
        said = ""
        while "lied" not in said:
            said += (await target.session.look(run)).stdout.text
    other = await target.session.look(honest)
    call = await target.session.run("python", {"code": "'true'"}, timeout=20)

    assert (other.status, other.value) == ("running", None)
    assert call.value == "'true'"


async def test_a_call_cannot_pass_for_a_run(target: Target) -> None:
    """What a call leaves behind it is ended, whatever it has made of itself."""
    run = await begun(target, "bash", "sleep 50")
    code = """
if os.fork() == 0:
    libc.prctl(36, 1, 0, 0, 0)  # a subreaper, as the process of a run is
    os.setsid()
    be_marked()
    os.fork()
    time.sleep(60)
time.sleep(0.2)
"""
    execution = await target.python(code)
    left = await target.bash(f"cat /proc/[0-9]*/comm | grep -c {target.mark}")
    state = await target.session.look(run)

    assert execution.killed_processes > 0
    assert left.stdout.text == "0\n"
    assert state.status == "running"


async def test_a_run_that_kills_around_itself_costs_no_more_than_a_call_that_does(
    target: Target,
) -> None:
    run = await begun(
        target,
        "bash",
        "kill -9 -1; for p in /proc/[0-9]*; do kill -9 ${p#/proc/}; done 2>/dev/null; echo done",
    )
    await ended(target, run)
    execution = await target.python("'still here'")

    assert execution.value == "'still here'"


async def test_a_run_shares_the_memory_of_its_session_once(target: Target) -> None:
    """A fork of a large interpreter is not taken for as much again."""
    size = target.limits.memory_bytes * 6 // 10
    await target.session.run("python", {"code": f"kept = bytearray(b'x') * {size}"}, timeout=30)
    code = "import time\nfor _ in range(10): time.sleep(0.1)\nlen(kept)"
    run = await begun(target, "python", code)
    result = await ended(target, run)

    assert (result.status, result.value) == ("ok", str(size))


async def test_a_session_that_is_too_old_takes_its_runs_along() -> None:
    async def choose() -> EmbeddedBackend:
        return EmbeddedBackend(LIMITS)

    ahead = 0.0
    async with Sessions.open_all(
        choose,
        max_sessions=1,
        idle_seconds=0.5,
        age_seconds=600,
        clock=lambda: time.time() + ahead,
    ) as sessions:
        session = await sessions.open()
        target = Target(session, LIMITS)
        await target.settle()
        code = "be_marked()\nif os.fork() == 0: os.setsid()\nwhile True: time.sleep(1)"
        run = await begun(target, "python", code)
        await until(lambda: ticks_of(target.mark) is not None)

        ahead = 601
        with anyio.fail_after(20):
            await session.runs.get(run).outcome(end=True)
        await until(lambda: ticks_of(target.mark) is None)
        assert sessions.list() == []


@pytest.mark.parametrize("lie", ["os.open('/dev/zero', 0)", "10 ** 30", "-1", "'0'"])
async def test_what_poses_as_the_pipe_of_a_run_is_not_opened(target: Target, lie: str) -> None:
    # The process of the run is a fork of the worker, in which code has replaced what makes pipes.
    await target.python(
        f"""
make = os.pipe
def lie():
    return ({lie}, os.dup(1)) if sys._getframe(1).f_code.co_name == "connect" else make()
os.pipe = lie
"""
    )
    execution = await target.session.begin("python", {"code": "print(1)"}, timeout=20)
    after = await target.python("witness")

    assert execution.error is not None
    assert "was not started" in execution.error.message
    assert (after.value, after.state) == ("'here'", "kept")
