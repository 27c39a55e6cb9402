"""Attempts to use more processes than a session may, and to change the limits themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from security.support import Target


async def running(target: Target) -> int:
    """Count processes, but for those that have ended and wait for their parent to ask."""
    left = await target.bash("cat /proc/[0-9]*/stat 2>/dev/null | grep -vc ') Z '")
    return int(left.stdout.text)


async def test_a_fork_bomb_ends_at_the_time_limit(target: Target) -> None:
    execution = await target.python(
        "while True:\n    try: os.fork()\n    except OSError: pass", timeout=1
    )

    assert execution.status == "timeout"
    assert await running(target) < 10


async def test_a_fork_bomb_in_bash_is_swept(target: Target) -> None:
    execution = await target.bash("f() { f | f & }; f; wait", timeout=1)

    assert execution.status != "lost"
    assert await running(target) < 10


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


async def test_the_limits_of_the_supervisor_cannot_be_lowered(lasting: Target) -> None:
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
