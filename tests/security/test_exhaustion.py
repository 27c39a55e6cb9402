"""Taking more than a session may: processes, memory, disk, descriptors, output, time."""

from __future__ import annotations

import resource
from typing import TYPE_CHECKING

import pytest

from bellglass.sandboxes.base import MIB

if TYPE_CHECKING:
    from security.support import Target

    from bellglass.sandboxes.embedded import EmbeddedSandbox

UNCOUNTED_BUFFERS = {
    "none": "without a control group nothing but the kernel's limit for all of its TCP bounds "
    "the socket buffers of a session",
}

# --- processes


async def test_a_fork_bomb_ends_at_the_time_limit(target: Target) -> None:
    execution = await target.python(
        "while True:\n    try: os.fork()\n    except OSError: pass", timeout=1
    )

    assert execution.status == "timeout"
    assert execution.wall_seconds < 4
    left = await target.bash("ls /proc | grep -c '^[0-9]'")
    assert int(left.stdout.text) < 10


async def test_a_fork_bomb_in_bash_is_swept(target: Target) -> None:
    execution = await target.bash("f() { f | f & }; f; wait", timeout=1)

    assert execution.wall_seconds < 4
    left = await target.bash("ls /proc | grep -c '^[0-9]'")
    assert int(left.stdout.text) < 10


async def test_a_flood_of_threads_meets_the_limit(target: Target) -> None:
    started = await target.value(
        """
event = threading.Event()
started = 0
try:
    while started < 5000:
        threading.Thread(target=event.wait, daemon=True).start()
        started += 1
except RuntimeError:
    pass
event.set()
started
"""
    )

    assert started <= target.limits.processes


async def test_limits_cannot_be_raised(lasting: Target) -> None:
    raised = await lasting.value(
        """
import resource
raised = []
for name in dir(resource):
    if name.startswith("RLIMIT_"):
        number = getattr(resource, name)
        soft, hard = resource.getrlimit(number)
        if hard != resource.RLIM_INFINITY:
            if attempt(resource.setrlimit, number, (hard + 1, hard + 1)) == "OK":
                raised.append(name)
raised
"""
    )

    assert raised == []


async def test_the_limits_of_the_runner_cannot_be_lowered(lasting: Target) -> None:
    lowered = await lasting.value(
        """
import resource
[n for n in range(16) if attempt(resource.prlimit, 1, n, (0, 0)) == "OK"]
"""
    )

    assert lowered == []


async def test_limits_that_code_sets_itself_end_with_its_state(target: Target) -> None:
    for name in ("NOFILE", "NPROC", "AS", "DATA", "FSIZE", "STACK"):
        await target.python(f"import resource\nresource.setrlimit(resource.RLIMIT_{name}, (0, 0))")


async def test_priority_cannot_be_raised(lasting: Target) -> None:
    outcome = await lasting.value(
        """
[attempt(os.nice, -5), attempt(os.setpriority, os.PRIO_PROCESS, 0, -10),
 attempt(os.sched_setscheduler, 0, os.SCHED_FIFO, os.sched_param(10)),
 attempt(os.sched_setscheduler, 0, os.SCHED_RR, os.sched_param(1))]
"""
    )

    assert "OK" not in outcome


# --- memory


async def test_one_process_cannot_have_more_memory_than_the_session(target: Target) -> None:
    execution = await target.python("x = bytearray(3 << 30)\nx[::4096] = b'1' * len(x[::4096])")

    assert execution.status in ("error", "oom")
    assert execution.error is None or execution.error.name == "MemoryError"


async def test_many_processes_share_one_limit_of_memory(target: Target) -> None:
    execution = await target.python(
        """
reader, writer = os.pipe()
for _ in range(20):
    if os.fork() == 0:
        x = os.urandom(1 << 20) * 64
        os.write(writer, b"x")
        time.sleep(15)
        os._exit(0)
full = 0
while full < 20 and os.read(reader, 1):
    full += 1
"ALL"
""",
        timeout=4,
    )

    assert execution.value is None
    assert execution.status in ("oom", "timeout")
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


async def test_buffers_of_the_loopback_are_bounded(
    target: Target, sandbox: EmbeddedSandbox
) -> None:
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

    if sandbox.cgroups().mechanism not in UNCOUNTED_BUFFERS:
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


# --- disk


async def test_every_writable_path_is_full_at_its_size(target: Target) -> None:
    limits = target.limits
    written = await target.value(
        """
block = bytes(1 << 20)
written = {}
for top in ("/work", "/tmp", "/dev/shm", "/var/tmp", "/dev", "/run", "/", "/opt", "/etc", "/proc"):
    size = 0
    try:
        with open(top + "/fill", "wb", buffering=0) as file:
            while size < 400 << 20:
                size += file.write(block)
    except OSError as exc:
        written[top] = size
    attempt(os.unlink, top + "/fill")
written
"""
    )

    assert len(written) == 10
    assert written["/work"] <= limits.disk_bytes
    for top in ("/tmp", "/dev/shm", "/var/tmp"):
        assert written.pop(top) <= limits.scratch_bytes
    del written["/work"]
    assert set(written.values()) == {0}


async def test_files_without_content_meet_a_limit(target: Target) -> None:
    # By the mount, or where that cannot (bubblewrap has no option for it) by the runner's watch.
    most = 20 * target.limits.files
    execution = await target.python(
        f"""
made = {{}}
for top in ("/work", "/tmp", "/dev/shm"):
    os.mkdir(top + "/many")
    made[top] = 0
    try:
        while made[top] < {most}:
            os.close(os.open(f"{{top}}/many/{{made[top]}}", os.O_CREAT | os.O_WRONLY))
            made[top] += 1
    except OSError:
        pass
max(made.values())
"""
    )

    if execution.status == "ok":
        assert execution.value is not None
        assert int(execution.value) < most
    else:
        assert any("files" in notice for notice in execution.notices)


async def test_a_full_disk_does_not_stop_the_session(target: Target) -> None:
    # What the session itself needs of it, for output that was cut and for the state of bash.
    execution = await target.bash("cat /dev/zero > /tmp/full; cat /dev/zero > /work/full; true")
    flood = await target.python("print('x' * 1_000_000)")
    shell = await target.bash("X=$(printf '%9999d' 1); echo ${#X}")

    assert execution.status == "ok"
    assert flood.stdout.total_bytes == 1_000_001
    assert shell.stdout.text == "9999\n"


async def test_a_file_cannot_be_larger_than_its_limit(lasting: Target) -> None:
    outcome = await lasting.value(
        """
file = open("/work/sparse", "wb")
attempt(os.ftruncate, file.fileno(), 1 << 40)
"""
    )

    assert outcome == "EFBIG"


# --- descriptors


async def test_descriptors_run_out_inside_only(lasting: Target) -> None:
    opened, error = await lasting.value(
        """
opened = []
try:
    while True:
        opened.append(os.open("/dev/null", os.O_RDONLY))
except OSError as exc:
    error = errno.errorcode[exc.errno]
count = len(opened)
for fd in opened:
    os.close(fd)
count, error
"""
    )

    assert error == "EMFILE"
    assert opened <= lasting.limits.open_files


async def test_descriptors_may_stay_used_up(target: Target) -> None:
    execution = await target.python(
        """
hoard = []
try:
    while True:
        hoard.append(os.open("/dev/null", os.O_RDONLY))
except OSError:
    "none left"
"""
    )

    assert execution.status == "ok"


# --- output


async def test_output_without_end_costs_the_server_nothing(lasting: Target) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    execution = await lasting.python(
        "block = b'y' * (1 << 20)\nfor _ in range(512): os.write(1, block)", timeout=30
    )

    assert execution.stdout.total_bytes == 512 * MIB
    assert len(execution.stdout.text) < lasting.limits.output_bytes + 1000
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50 * 1024


async def test_lines_without_end_on_stderr_are_counted(lasting: Target) -> None:
    execution = await lasting.python("for _ in range(300_000): sys.stderr.write('err line\\n')")

    assert execution.stderr.total_bytes == 300_000 * 9
    assert len(execution.stderr.text) < lasting.limits.output_bytes + 1000


async def test_a_flood_does_not_hold_off_the_time_limit(lasting: Target) -> None:
    execution = await lasting.bash("yes", timeout=1)

    assert execution.status == "timeout"
    assert execution.wall_seconds < 3


async def test_a_value_is_shown_in_part(lasting: Target) -> None:
    execution = await lasting.python("'z' * 50_000_000")

    assert execution.value is not None
    assert len(execution.value) < 50_000
    assert "omitted" in execution.value


# --- time

STUBBORN = {
    "loop": "while True: pass",
    "swallows the interrupt": (
        "while True:\n    try:\n        while True: pass\n    except BaseException: pass"
    ),
    "ignores signals": (
        "signal.signal(2, signal.SIG_IGN); signal.signal(15, signal.SIG_IGN)\nwhile True: pass"
    ),
    "blocks signals": "signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))\nwhile True: pass",
    "in C": "sum(range(10**12))",
    "regular expression": "import re; re.match('(a+)+$', 'a' * 40 + 'b')",
    "power": "9 ** 9 ** 9 and 1",
    "repr": "class E:\n    def __repr__(self):\n        while True: pass\nE()",
    "stops itself": "os.kill(os.getpid(), signal.SIGSTOP)",
    "sleep": "time.sleep(60)",
    "waits for a child": "subprocess.run(['sleep', '60'])",
    "waits for a thread": (
        "t = threading.Thread(target=time.sleep, args=(60,))\nt.start()\nt.join()"
    ),
    "becomes another program": "os.execv('/bin/sleep', ['sleep', '60'])",
}


@pytest.mark.parametrize("how", STUBBORN)
async def test_the_time_limit_holds(lasting: Target, how: str) -> None:
    execution = await lasting.python(STUBBORN[how], timeout=0.3)

    assert execution.status == "timeout"
    assert execution.wall_seconds < 2


async def test_the_time_limit_holds_in_bash(lasting: Target) -> None:
    execution = await lasting.bash("trap '' INT TERM HUP; while :; do :; done", timeout=0.3)

    assert execution.status == "timeout"
    assert execution.wall_seconds < 2
