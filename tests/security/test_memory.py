"""Attempts to use more memory than a session may."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from security.support import Target

    from bellglass.sandboxes.backend import Backend

UNCOUNTED_BUFFERS = {
    ("embedded", "watcher"): "without a control group nothing but the kernel's limit for all of "
    "its TCP bounds the socket buffers of a session",
    ("docker", "control group v1"): "runc does not set version 1's limit on TCP buffers",
}


async def test_one_process_cannot_have_more_memory_than_the_session(target: Target) -> None:
    execution = await target.python("x = bytearray(3 << 30)\nx[::4096] = b'1' * len(x[::4096])")

    assert execution.status in ("error", "oom")
    assert execution.error is None or execution.error.name == "MemoryError"


async def test_many_processes_share_one_limit_of_memory(target: Target) -> None:
    execution = await target.python(
        """
reader, writer = os.pipe()
os.set_blocking(reader, False)
for _ in range(20):
    if os.fork() == 0:
        x = os.urandom(1 << 20) * 64
        os.write(writer, b"x")
        time.sleep(100)
        os._exit(0)
full, killed = 0, False
while full < 20 and not killed:
    time.sleep(0.05)
    killed = os.waitpid(-1, os.WNOHANG)[0] != 0
    if attempt(lambda: os.read(reader, 1)) == "OK":
        full += 1
killed
""",
        timeout=60,
    )

    assert execution.value == "True" or execution.status == "oom", execution
    assert execution.status == "oom" or any("memory" in text for text in execution.notices)


async def test_shared_mappings_count_too(target: Target) -> None:
    execution = await target.python(
        """
import mmap
maps = []
for _ in range(40):
    maps.append(mmap.mmap(-1, 64 << 20))
    maps[-1].write(bytes(64 << 20))
len(maps)
"""
    )

    assert execution.value is None
    assert execution.status in ("error", "oom", "killed")


async def test_buffers_of_the_loopback_are_bounded(target: Target, backend: Backend) -> None:
    sent = await target.value(
        """
server = socket.create_server(("127.0.0.1", 0))
kept, sent = [], 0
try:
    for _ in range(60):
        one = socket.create_connection(server.getsockname(), timeout=1)
        kept.append((one, server.accept()[0]))
        one.setblocking(False)
        try:
            while sent < 600 << 20:
                sent += one.send(bytes(1 << 20))
        except BlockingIOError:
            pass
except OSError:
    pass
sent >> 20
"""
    )

    if (backend.name, backend.metadata["memory_bounded_by"]) not in UNCOUNTED_BUFFERS:
        assert sent < 200
    else:  # they go with the code that holds them
        after = await target.value("kept.clear(); one = None; sum(map(bool, kept))")
        assert after == 0


async def test_memory_without_a_process_cannot_be_had(lasting: Target) -> None:
    outcome = await lasting.value(
        """
from multiprocessing import shared_memory
[attempt(os.memfd_create, "x"), attempt(lambda: libc.shmget(0, 1 << 30, 0o1666) < 0 and 1 / 0)]
"""
    )

    assert outcome == ["EPERM", "ZeroDivisionError"]


async def test_nothing_is_spared_when_memory_ends(lasting: Target) -> None:
    outcome = await lasting.value(
        """
def spare():
    with open("/proc/self/oom_score_adj", "w") as file:
        file.write("-1000")
[attempt(spare), int(open("/proc/self/oom_score_adj").read()) >= 0]
"""
    )

    assert outcome == ["EACCES", True]


async def test_what_processes_share_counts_once(target: Target) -> None:
    # Half of the limit, in common: nine processes have it, and it is there once.
    execution = await target.python(
        f"""
data = os.urandom(1 << 20) * {target.limits.memory_bytes // 2**21}
reader, writer = os.pipe()
for _ in range(8):
    if os.fork() == 0:
        time.sleep(0.5)
        os.write(writer, b"x" if data[-1] == data[(1 << 20) - 1] else b"-")
        os._exit(0)
answers = b""
while len(answers) < 8:
    answers += os.read(reader, 8)
answers
"""
    )

    assert execution.value == repr(b"x" * 8), execution.notices
    assert execution.peak_memory_bytes < target.limits.memory_bytes


async def test_addresses_are_cheap_and_their_page_tables_count(
    target: Target, backend: Backend
) -> None:
    """V8 sets 64 GiB aside and does not touch them. Who does pays for it as for other memory."""
    code = """
import mmap
ASIDE = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | 0x4000  # MAP_NORESERVE
attempt(mmap.mmap, -1, 64 << 30, ASIDE, 0)
"""
    counted = backend.metadata["memory_bounded_by"] != "watcher"
    assert await target.value(code) == ("OK" if counted else "ENOMEM")
    if not counted:
        return

    # A page table, 4 KiB, for every 2 MiB of which a byte is read: 128 MiB in each process.
    execution = await target.python(
        """
reader, writer = os.pipe()
os.set_blocking(reader, False)
for _ in range(6):
    if os.fork() == 0:
        area = mmap.mmap(-1, 64 << 30, ASIDE, mmap.PROT_READ)
        area.madvise(15)  # MADV_NOHUGEPAGE
        for at in range(0, 64 << 30, 2 << 20):
            area[at]
        os.write(writer, b"x")
        time.sleep(100)
        os._exit(0)
full, killed = 0, False
while full < 6 and not killed:
    time.sleep(0.05)
    killed = os.waitpid(-1, os.WNOHANG)[0] != 0
    if attempt(lambda: os.read(reader, 1)) == "OK":
        full += 1
killed
""",
        60,
    )

    assert execution.value != "False", execution
    assert execution.value == "True" or execution.status in ("oom", "killed"), execution
