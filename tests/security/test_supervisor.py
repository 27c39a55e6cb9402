"""Process 1 of a session cannot be put to sleep, confused or ended by what runs in it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import pytest
from security.lying import READY, Far, LyingSandbox

from bellglass.sandboxes.protocol import encode
from bellglass.sandboxes.session import Session

if TYPE_CHECKING:
    from security.support import Target

OWN_WORKER = """
def own_worker():
    frame = sys._getframe()
    while type(frame.f_locals.get("self")).__name__ != "Worker":
        frame = frame.f_back
    return frame.f_locals["self"]
"""

NUMBERS = [
    *("10 ** 30", "-1", "0", "1", "2 ** 31", "2 ** 63", "True", "1.5", "float('nan')", "1e999"),
    *("'7'", "None", "[7]", "{'pid': 7}", "os.getpid()"),
]

LINGERING = """
server = socket.create_server(("127.0.0.1", 0))
one = socket.create_connection(server.getsockname())
other, _ = server.accept()
one.setblocking(False)
try:
    while True:
        one.send(bytes(65536))
except BlockingIOError:
    pass
one.setblocking(True)
one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 3600))
"""


@pytest.mark.parametrize("number", NUMBERS)
async def test_a_checkpoint_of_a_wrong_number_is_none(lasting: Target, number: str) -> None:
    await lasting.python(
        OWN_WORKER
        + f"""
def lie(nonce, spare):
    del worker._checkpoint
    worker._control.send({{"nonce": nonce, "idle": True, "checkpoint": {number}}})
worker = own_worker()
worker._checkpoint = lie
"""
    )
    after = await lasting.session.run("python", {"code": "witness"}, timeout=20)

    assert (after.value, after.state, after.notices) == ("'here'", "kept", [])


async def test_a_run_that_sends_a_slow_close_is_ended_in_time(target: Target) -> None:
    started = await target.session.begin(
        "python",
        {
            "code": f"""
{LINGERING}
control = own_control().socket
control.setblocking(False)
try:
    for _ in range(1000):
        control.send(b".12345678{{}}")
except BlockingIOError:
    pass
control.setblocking(True)
attempt(socket.send_fds, control, [b".12345678{{}}"], [one.fileno()])
one.close()
while True:
    pass
"""
        },
        timeout=2,
    )
    with anyio.fail_after(30):
        await target.session.runs.get(started.runs[0].id).outcome(end=True)
        ended = await target.session.look(started.runs[0].id)
        after = await target.session.run("python", {"code": "witness"}, timeout=20)

    assert ended.status in ("timeout", "killed")
    assert (after.value, after.state) == ("'here'", "kept")


async def test_a_worker_that_reads_slowly_holds_nobody(target: Target) -> None:
    await target.python(
        """
control = own_control().socket
def sip():
    while True:
        time.sleep(1.5)
        try:
            control.recv(65536)
        except OSError:
            return
threading.Thread(target=sip, daemon=True).start()
"""
    )

    # 85 packets: at the pace of that thread this would take minutes.
    await target.python("# " + "-" * 5 * 1024**2, timeout=20)


async def test_claims_of_any_shape_cost_at_most_the_call(target: Target) -> None:
    execution = await target.python(
        """
control, nonce = own_control(), own_nonce()
shapes = [None, 0, -1, 10**300, 1e999, float("nan"), "", "x" * 70_000, [], {}, [[]], {"a": {}}]
for shape in shapes:
    for name in ("display", "started", "number", "background_bytes"):
        control.send({"nonce": nonce, name: shape})
    for name in ("kind", "text", "type", "data", "columns", "rows", "total_rows", "file"):
        for kind in ("picture", "rich", "table"):
            claim = {"kind": kind, "text": "", name: shape}
            control.send({"nonce": nonce, "display": claim, "number": shape})
control.socket.send(b"." + b"t" * 8 + b"[" * 50_000)
control.socket.send(b"." + b"t" * 8 + b'{"nonce": ' + b"9" * 50_000 + b"}")
"""
    )

    assert execution.status in ("ok", "killed")


async def test_process_1_holds_no_epoll_that_others_could_use_up(target: Target) -> None:
    await target.python("be_marked()")
    held = _descriptors_of_process_1(target.mark)

    assert held
    assert "anon_inode:[eventpoll]" not in held


def _descriptors_of_process_1(mark: str) -> list[str]:
    """Return what the parent of the process of that name has open."""
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            status = (entry / "status").read_text()
            if status.split()[1] == mark:
                parent = re.search(r"PPid:\s+(\d+)", status)
                assert parent is not None
                return [os.readlink(fd) for fd in Path(f"/proc/{parent[1]}/fd").iterdir()]
        except PermissionError:
            pytest.skip("only root can look into process 1")
        except OSError:
            pass  # it has ended meanwhile
    return []


# --- where the kernel does not refuse descriptors to their sender


SMUGGLING = f"""
import os, socket, struct
from bellglass.sandboxes.runner.supervisor_end import Smuggled, SupervisorEnd
ours, theirs = SupervisorEnd.pair()
end = SupervisorEnd(ours, 2, ask_kernel=False)
theirs.send(b".12345678{{}}")
{LINGERING}
socket.send_fds(theirs, [b".12345678{{}}"], [one.fileno()])
one.close()
print(end.next())
try:
    end.next()
except Smuggled:
    print("smuggled")
end.close()
print("closed")
os.wait()
print("gone")
"""


def test_where_the_kernel_lets_descriptors_through_no_close_waits_for_them() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SMUGGLING], capture_output=True, text=True, timeout=60, check=False
    )

    assert (done.stdout.split(), done.stderr) == (["{}", "smuggled", "closed", "gone"], "")


# --- the server's side: whatever puts it to sleep


async def _silent_from_the_first_request_on(far: Far) -> None:
    await far.send(encode({**READY, "ticks": True}))
    await far.request()
    await anyio.sleep_forever()


async def test_a_supervisor_that_says_nothing_during_a_call_is_ended() -> None:
    sandbox = LyingSandbox(_silent_from_the_first_request_on)
    sandbox.silence_seconds = 2
    async with Session.open(sandbox) as one:
        with anyio.fail_after(60):
            execution = await one.run("python", {"code": "1"}, timeout=600)

    assert (execution.status, execution.state) == ("lost", "lost")
    assert "did not answer any more" in execution.notices[0]


async def test_a_supervisor_that_says_nothing_during_a_run_is_ended() -> None:
    async def script(far: Far) -> None:
        await far.send(encode({**READY, "ticks": True}))
        request = await far.request()
        await far.reply(request, execution={"status": "running"})
        await anyio.sleep_forever()

    sandbox = LyingSandbox(script)
    sandbox.silence_seconds = 2
    async with Session.open(sandbox) as one:
        await one.begin("python", {"code": "1"}, timeout=600)
        run = next(iter(one.runs))
        with anyio.fail_after(60):
            await run.outcome(end=True)

    assert run.state == "lost"


async def test_an_idle_place_may_be_silent_and_one_that_ticks_may_be_slow() -> None:
    async def script(far: Far) -> None:
        await far.send(encode({**READY, "ticks": True}))
        await far.reply(await far.request())
        request = await far.request()
        for _ in range(30):
            await anyio.sleep(0.1)
            await far.send(encode({"type": "tick"}))
        await far.reply(request)
        await anyio.sleep_forever()

    sandbox = LyingSandbox(script)
    sandbox.silence_seconds = 2
    async with Session.open(sandbox) as one:
        first = await one.run("python", {"code": "1"}, timeout=20)
        await anyio.sleep(3)
        second = await one.run("python", {"code": "1"}, timeout=20)

    assert (first.status, second.status, sandbox.places) == ("ok", "ok", 1)


async def test_a_long_call_ticks(lasting: Target) -> None:
    frames: list[bytes] = []
    place = lasting.session._holder.place
    assert place is not None
    stream = place._frames._stream
    receive = stream.receive

    async def heard(max_bytes: int = 65536) -> bytes:
        frames.append(await receive(max_bytes))
        return frames[-1]

    stream.receive = heard  # type: ignore[method-assign]
    try:
        await lasting.session.run("bash", {"command": "sleep 2.5"}, timeout=20)
    finally:
        stream.receive = receive  # type: ignore[method-assign]

    assert 2 <= b"".join(frames).count(b'"tick"') <= 4


# --- while tests run


TICKING = "import time\nwhile True:\n    open('counter', 'a').write('.')\n    time.sleep(0.01)"

LOOKS = """
import os, time
def test_it():
    for pid in os.listdir("/proc"):
        if pid.isdigit() and pid != "1":
            try:
                os.kill(int(pid), 18)  # SIGCONT, for what should stand still
            except OSError:
                pass
    time.sleep(0.5)
    before = os.path.getsize("/work/counter")
    time.sleep(1)
    grown = os.path.getsize("/work/counter") - before
    open("/work/grown", "w").write(str(grown))
"""


async def test_background_runs_stand_still_while_tests_run(target: Target) -> None:
    run = (await target.session.begin("python", {"code": TICKING}, timeout=60)).runs[0].id
    await target.bash("until [ -s counter ]; do sleep 0.1; done")
    arguments = {"code": "x = 1", "tests": LOOKS, "test_timeout": 20}
    tests = await target.session.run("test", arguments, timeout=30)
    grown = await target.bash("cat grown")
    before = await target.value("os.path.getsize('counter')")
    await target.bash(f"until [ $(stat -c %s counter) -gt {before} ]; do sleep 0.1; done")
    state = (await target.session.look(run)).runs[0].state

    assert any("stood still" in notice for notice in tests.notices), tests
    assert grown.stdout.text == "0", tests
    assert state == "running"


async def test_a_run_goes_on_when_the_tests_were_ended(target: Target) -> None:
    await target.session.begin("python", {"code": TICKING}, timeout=60)
    await target.bash("until [ -s counter ]; do sleep 0.1; done")
    arguments = {"code": "x = 1", "tests": "def test():\n    while True: pass"}
    tests = await target.session.run("test", {**arguments, "test_timeout": 20}, timeout=1)
    before = await target.value("os.path.getsize('counter')")
    after = await target.bash(
        f"until [ $(stat -c %s counter) -gt {before} ]; do sleep 0.1; done; echo goes on"
    )

    assert tests.status == "timeout", tests
    assert after.stdout.text == "goes on\n"
