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
    worker._control.send({{"type": "rested", "nonce": nonce, "checkpoint": {number}}})
worker = own_worker()
worker._checkpoint = lie
"""
    )
    after = await lasting.session.run("python", {"code": "witness"}, timeout=20)

    assert (after.value, after.state, after.notices) == ("'here'", "kept", [])


@pytest.mark.parametrize("number", ["10 ** 30", "-(10 ** 30)"])
async def test_a_checkpoint_of_a_wrong_number_with_a_socket_is_none(
    target: Target, number: str
) -> None:
    await target.python("open('kept', 'w').close()")
    await target.python(
        OWN_WORKER
        + f"""
import json
def lie(nonce, *_):
    del worker._checkpoint
    message = json.dumps({{"nonce": nonce, "idle": True, "checkpoint": {number}}})
    packet, pair = b"." + os.urandom(8) + message.encode(), socket.socketpair()
    attempt(socket.send_fds, worker._control.socket, [packet], [pair[0].fileno()])
worker = own_worker()
worker._checkpoint = lie
"""
    )
    after = await target.session.run("python", {"code": "import os; os.listdir()"}, timeout=20)

    # The variables may be gone, as of any worker that says too much; the sandbox is the same.
    assert (after.status, after.value) == ("ok", "['kept']")


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


async def test_a_call_that_sends_a_slow_close_is_ended_in_time(target: Target) -> None:
    execution = await target.python(
        f"""
{LINGERING}
attempt(socket.send_fds, own_control().socket, [b".12345678{{}}"], [one.detach()])
while True:
    pass
""",
        timeout=1,
    )

    assert execution.status in ("timeout", "killed")


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
    control.send({"type": shape, "nonce": nonce})
    for name in ("display", "number", "in_place_of", "type"):
        for kind in ("display", "clear", "started", "rested", "run_begun"):
            control.send({"type": kind, "nonce": nonce, name: shape})
    for name in ("kind", "text", "type", "data", "columns", "rows", "total_rows", "file"):
        for kind in ("picture", "rich", "table"):
            claim = {"kind": kind, "text": "", name: shape}
            control.send({"type": "display", "nonce": nonce, "display": claim, "number": shape})
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
from bellglass.sandboxes.supervisor.worker_socket import Smuggled, WorkerSocket
ours, theirs = WorkerSocket.pair()
end = WorkerSocket(ours, 2, ask_kernel=False)
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
