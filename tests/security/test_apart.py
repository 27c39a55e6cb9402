"""Two sessions on one machine: neither reads, disturbs or starves the other."""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING

import anyio
import pytest
from security.support import Target, begun, ended

from bellglass.sandboxes.sessions.session import Session

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from bellglass.sandboxes.backend import Backend


@pytest.fixture
async def other(backend: Backend) -> AsyncGenerator[Target]:
    async with Session.open(backend) as session:
        other = Target(session, backend.limits)
        await other.settle()
        yield other


async def test_no_place_for_files_is_shared(target: Target, other: Target) -> None:
    await target.bash(
        "for d in /work /tmp /dev/shm /var/tmp; do echo s > $d/secret; chmod 777 $d/secret; done"
    )
    found = await other.bash("find / -name secret -not -path '/proc/*' 2>/dev/null")

    assert found.stdout.text == ""


async def test_processes_do_not_see_each_other(target: Target, other: Target) -> None:
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(target.bash, "exec -a of-the-other-session sleep 2", 1)
        await anyio.sleep(0.3)
        seen = await other.bash("cat /proc/[0-9]*/cmdline | tr '\\0' ' '; kill -9 -1")

    assert "of-the-other-session" not in seen.stdout.text


async def test_addresses_are_not_shared(target: Target, other: Target) -> None:
    port = await target.value(
        """
server = socket.create_server(("127.0.0.1", 0))
named = socket.socket(socket.AF_UNIX)
named.bind("\\0shared")
named.listen()
server.getsockname()[1]
"""
    )
    outcome = await other.value(
        f"""
[attempt(socket.create_connection, ("127.0.0.1", {port}), 2),
 attempt(socket.socket(socket.AF_UNIX).connect, "\\0shared"),
 attempt(lambda: socket.create_server(("127.0.0.1", {port}))),
 attempt(socket.socket(socket.AF_UNIX).bind, "\\0shared")]
"""
    )

    assert outcome == ["ECONNREFUSED", "ECONNREFUSED", "OK", "OK"]


@pytest.mark.alone
async def test_descriptors_in_flight_cost_another_neither_variables_nor_background_runs(
    target: Target, other: Target
) -> None:
    # The kernel counts them for the user, which is one for all sessions of a server that root does
    # not run.
    stuck = await target.value(
        """
kept = []
try:
    while len(kept) < 100:
        kept.append(socket.socketpair())
        socket.send_fds(kept[-1][0], [b"x"], [0] * 200)
    stuck = "OK"
except OSError as exc:
    stuck = errno.errorcode[exc.errno]
stuck
"""
    )
    seen = []
    for number in range(3):
        await other.python(f"x = {number}")
        run = await begun(other, "python", "print(x); x = 'of the run'")
        printed = (await ended(other, run)).stdout.text
        crashed = await other.python("os.abort()")
        execution = await other.python("x")
        seen.append((printed, crashed.state, execution.value, execution.notices))
    await target.python("kept.clear()")

    assert stuck in ("ETOOMANYREFS", "EMFILE")
    assert seen == [(f"{number}\n", "restored", str(number), []) for number in range(3)]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give sessions users of their own")
async def test_what_the_kernel_counts_by_user_is_a_sessions_own(
    target: Target, other: Target
) -> None:
    # Descriptors on their way, as many as a user may have: the smallest of such counts.
    stuck = await target.value(
        """
kept = []
def send():
    kept.append(socket.socketpair())
    socket.send_fds(kept[-1][0], [b"x"], [0] * 200)
[attempt(send) for _ in range(10)][-1]
"""
    )
    sent = await other.value(
        """
one, two = socket.socketpair()
attempt(socket.send_fds, one, [b"x"], [0] * 200)
"""
    )
    await target.python("kept.clear()")

    assert (stuck, sent) == ("ETOOMANYREFS", "OK")


async def test_pipes_of_one_do_not_stop_the_shell_of_another(target: Target, other: Target) -> None:
    await target.python(
        """
import fcntl
pipes = []
try:
    while len(pipes) < 400:
        pipes.append(os.pipe())
        fcntl.fcntl(pipes[-1][1], 1031, 1 << 20)
except OSError:
    pass
"""
    )
    execution = await other.bash(f"x={'y' * 30_000}; echo ${{#x}}")
    after = await other.bash("echo ${#x}")

    assert (execution.stdout.text, after.stdout.text) == ("30000\n", "30000\n")


BUSY = {
    "fork bomb": "while True:\n    try: os.fork()\n    except OSError: pass",
    "memory": "x = [bytearray(1 << 20) for _ in range(10 ** 6)]",
    "threads": "for _ in range(40): threading.Thread(target=lambda: sum(range(10**9))).start()\n"
    "while True: time.sleep(1)",
    "output": "while True: os.write(1, b'x' * 65536)",
}


@pytest.mark.parametrize("how", BUSY)
async def test_a_busy_session_does_not_starve_another(
    target: Target, other: Target, how: str
) -> None:
    begun = anyio.Event()
    over = []

    async def on_stream(_: object) -> None:
        begun.set()

    async def keep_busy() -> None:
        code = {"code": f"print('begun', flush=True)\n{BUSY[how]}"}
        run = partial(target.session.run, "python", code, timeout=90, on_stream=on_stream)
        while True:
            over.append(await run())

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(keep_busy)
        with anyio.fail_after(30):
            await begun.wait()
        execution = await other.session.run("python", {"code": "witness"}, timeout=30)
        lasted = not over
        tasks.cancel_scope.cancel()
    await target.python("pass")

    assert execution.value == "'here'"
    # What takes all memory is ended at once, and begun again and again.
    assert lasted or how == "memory", over
