"""Kernel memory that no limit of the kernel counts: held by a session, and freed again."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import pytest
from security.support import Target, until

from bellglass.sandboxes.backends.embedded import EmbeddedBackend
from bellglass.sandboxes.backends.embedded.cgroups import Cgroups
from bellglass.sandboxes.session_limits import MIB, Limits
from bellglass.sandboxes.sessions.session import Session

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from bellglass.sandboxes.backend import Backend

TAKE_LOCKS = """
import fcntl
def take_locks(seconds, command=fcntl.F_SETLK):
    file = open(f"/work/locked-{time.monotonic_ns()}", "w+b")
    until = time.monotonic() + seconds
    for at in range(0, 10**9, 2):
        fcntl.fcntl(file, command, struct.pack("hhqqi4x", fcntl.F_WRLCK, 0, at, 1, 0))
        if time.monotonic() > until:
            break
    return file
"""


def locks_on_this_machine() -> int:
    with open("/proc/locks", "rb") as file:
        return sum(1 for _ in file)


@pytest.mark.alone
async def test_locks_without_end_cost_the_session_what_holds_them(target: Target) -> None:
    execution = await target.python(f"{TAKE_LOCKS}\nkept = take_locks(6)\ntime.sleep(6)")

    assert execution.status == "killed"
    assert "Everything in the session was ended: it held more than 4,000 file locks." in (
        execution.notices
    )
    await until(lambda: locks_on_this_machine() < 4000)


@pytest.mark.alone
async def test_locks_of_many_short_calls_are_noticed_too(target: Target) -> None:
    await target.python(f"{TAKE_LOCKS}\nkept = []")

    for _ in range(60):
        await target.session.run(
            "python", {"code": "'kept' in globals() and kept.append(take_locks(0.05))"}, timeout=20
        )
    left = await target.session.run("python", {"code": "'kept' in globals()"}, timeout=20)

    assert left.value == "False"


@pytest.mark.alone
async def test_locks_of_a_background_run_end_it(target: Target) -> None:
    code = f"{TAKE_LOCKS}\nkept = take_locks(10)\ntime.sleep(60)"
    begun = await target.session.begin("python", {"code": code}, timeout=120)
    run = begun.runs[0].id

    with anyio.fail_after(30):
        await target.session.runs.get(run).outcome(end=True)
    result = await target.session.look(run)

    assert result.status == "killed"
    assert result.notices == ["The run was ended: the session held more than 4,000 file locks."]
    await until(lambda: locks_on_this_machine() < 4000)


async def test_some_thousands_of_locks_are_nothing(target: Target) -> None:
    count = await target.value(
        f"{TAKE_LOCKS}\n"
        "files = [take_locks(0.002) for _ in range(3)]\n"
        "import sqlite3\n"
        "db = sqlite3.connect('/work/x.db')\n"
        "db.execute('create table t (a)'); db.commit()\n"
        "time.sleep(1.5)\n"
        "len(files)"
    )

    assert count == 3


async def test_the_list_of_all_locks_of_the_machine_is_not_shown(target: Target) -> None:
    text = await target.value("open('/proc/locks').read()")

    # Bubblewrap and engines cannot hide it from the code and leave it to the supervisor.
    lines = text.splitlines()
    assert len(lines) < 100


def _may_set_the_least_score() -> bool:
    status = Path("/proc/self/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("CapEff:"))
    return os.geteuid() == 0 and bool(int(line.split()[1], 16) >> 24 & 1)  # CAP_SYS_RESOURCE


@pytest.mark.skipif(not _may_set_the_least_score(), reason="only root with CAP_SYS_RESOURCE can")
async def test_code_does_not_let_its_neighbours_go_first_when_memory_ends(target: Target) -> None:
    outcome = await target.value(
        """
fd = os.open("/proc/self/oom_score_adj", os.O_WRONLY)
[attempt(os.write, fd, b"0"), attempt(os.write, fd, b"500")]
"""
    )

    assert outcome == ["EACCES", "EACCES"]


async def test_a_score_that_code_lowers_is_raised_again(target: Target) -> None:
    lower = "open('/proc/self/oom_score_adj', 'w').write('0')"
    read = "open('/proc/self/oom_score_adj').read()"

    during = await target.value(
        f"""
attempt(lambda: {lower})
until = time.monotonic() + 10
while (score := {read}) != "1000\\n" and time.monotonic() < until:
    time.sleep(0.05)
score
"""
    )
    await target.python(f"attempt(lambda: {lower})")
    after = await target.value(read)

    assert (during, after) == ("1000\n", "1000\n")


# --- without a control group


@pytest.fixture(params=["zygote", "bubblewrap"])
async def ungrouped(request: pytest.FixtureRequest) -> AsyncGenerator[Target]:
    """A session of a server that can make no control group."""
    backend: Backend = EmbeddedBackend(Limits(memory_bytes=300 * MIB), launcher=request.param)
    backend._cgroups = Cgroups()  # type: ignore[attr-defined]
    async with Session.open(backend) as session:
        target = Target(session, backend.limits)
        await target.settle()
        yield target
    await backend.aclose()


async def test_shared_memory_counts_when_nobody_has_it_in_sight(ungrouped: Target) -> None:
    execution = await ungrouped.python(
        """
import mmap
kept = []
for _ in range(20):
    memory = mmap.mmap(-1, 24 << 20)
    for at in range(0, len(memory), 4096):
        memory[at] = 1
    memory.madvise(mmap.MADV_DONTNEED)
    kept.append(memory)
time.sleep(5)
"""
    )

    assert execution.status == "oom"
    assert any("300 MiB of shared memory" in notice for notice in execution.notices)


async def test_a_process_that_closed_itself_is_taken_to_have_all_it_may_have(
    ungrouped: Target,
) -> None:
    execution = await ungrouped.python(
        """
import mmap
libc.prctl(4, 0, 0, 0, 0)
kept = [mmap.mmap(-1, 24 << 20) for _ in range(20)]
time.sleep(5)
"""
    )

    assert execution.status == "oom"


async def test_a_session_has_so_many_sockets_and_no_more(target: Target) -> None:
    execution = await target.python(
        """
for _ in range(6):
    if os.fork() == 0:
        kept = []
        while attempt(lambda: kept.append(socket.socketpair())) == "OK" and len(kept) < 400:
            pass
        time.sleep(60)
time.sleep(60)
"""
    )

    assert execution.status == "killed"
    assert " sockets." in execution.notices[0]


async def test_buffers_of_sockets_are_bounded_by_their_number_and_size(ungrouped: Target) -> None:
    size = await ungrouped.value(
        """
one, other = socket.socketpair()
for option in (socket.SO_SNDBUF, socket.SO_RCVBUF):
    one.setsockopt(socket.SOL_SOCKET, option, 1 << 23)
max(one.getsockopt(socket.SOL_SOCKET, option) for option in (socket.SO_SNDBUF, socket.SO_RCVBUF))
"""
    )
    execution = await ungrouped.python(
        """
def hold():
    kept = [socket.socketpair() for _ in range(100)]
    time.sleep(5)
for _ in range(4):
    if os.fork() == 0:
        hold()
        os._exit(0)
time.sleep(5)
"""
    )

    assert size < 1 << 20
    assert execution.status == "killed"
    assert any("more than 512 sockets" in notice for notice in execution.notices)


async def test_buffers_of_connections_stay_small(ungrouped: Target) -> None:
    if ungrouped.session.metadata["launcher"] == "bubblewrap":
        pytest.skip("bubblewrap makes the network, and has no option for it")

    kept = await ungrouped.value(
        """
server = socket.create_server(("127.0.0.1", 0))
client = socket.create_connection(server.getsockname())
far, _ = server.accept()
client.setblocking(False)
sent = 0
try:
    while True:
        sent += client.send(bytes(65536))
except BlockingIOError:
    pass
sent
"""
    )

    assert kept < 512 * 1024
