"""Resource usage counts for the call that causes it, however hidden, and for no other call."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from conftest import LIMITS
from security.support import PRELUDE, Target

from bellglass.sandboxes.backends.embedded import EmbeddedBackend
from bellglass.sandboxes.sessions.session import Session

if TYPE_CHECKING:
    from typing import Literal

BURN = """
def burn(seconds):
    pid = os.fork()
    if pid == 0:
        while time.process_time() < seconds:
            pass
        os._exit(0)
    return pid

def state(pid):
    try:
        return open(f"/proc/{pid}/stat").read().rpartition(")")[2].split()[0]
    except OSError:
        return "X"

def burnt(pid):
    while state(pid) not in "ZX":
        time.sleep(0.05)
"""

CHILDREN = {
    "waited for": "os.waitpid(burn(0.5), 0)",
    "left as zombies": "burnt(burn(0.5))",
    "forgotten by the kernel": "burnt(burn(0.5))",
    "left to process 1": "if os.fork() == 0: burn(0.5); os._exit(0)\ntime.sleep(1)",
}


def code_of(children: str, times: int) -> str:
    ignored = "SIG_IGN" if children == "forgotten by the kernel" else "SIG_DFL"
    loop = "\n".join(f"    {line}" for line in CHILDREN[children].splitlines())
    return f"signal.signal(signal.SIGCHLD, signal.{ignored})\nfor _ in range({times}):\n{loop}"


@pytest.mark.parametrize("children", [name for name in CHILDREN if "process 1" not in name])
async def test_cpu_time_of_children_is_in_the_record(lasting: Target, children: str) -> None:
    await lasting.python(BURN)
    execution = await lasting.python(code_of(children, 3), timeout=60)
    after = await lasting.python("signal.signal(signal.SIGCHLD, signal.SIG_DFL)")

    # Three times half a second; of a child that nobody waits for, what was last seen: a tenth may
    # be missing of each, and more where the machine is busy.
    assert execution.cpu_seconds > 0.5
    assert after.cpu_seconds < 0.5


async def test_cpu_time_of_children_that_live_for_an_instant(lasting: Target) -> None:
    if lasting.session.metadata["memory_bounded_by"] == "watcher":
        pytest.skip("without a control group nobody counts what nobody has seen")
    await lasting.python(BURN)
    code = """
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
for _ in range(40):
    burnt(burn(0.03))
signal.signal(signal.SIGCHLD, signal.SIG_DFL)
"""

    execution = await lasting.python(code, timeout=60)

    assert execution.cpu_seconds > 40 * 0.03


@pytest.mark.parametrize("children", CHILDREN)
async def test_the_limit_of_cpu_time_holds_for_children(
    launcher: Literal["zygote", "bubblewrap"], children: str
) -> None:
    backend = EmbeddedBackend(replace(LIMITS, cpu_seconds=2), launcher=launcher)
    async with Session.open(backend) as session:
        await session.run("python", {"code": PRELUDE + BURN}, timeout=20)
        code = code_of(children, 200)
        execution = await session.run("python", {"code": code}, timeout=120)
    await backend.aclose()

    assert execution.status == "timeout"
    assert "CPU time" in execution.notices[0]


async def test_the_peak_of_a_call_is_its_own(lasting: Target) -> None:
    large = await lasting.python("x = bytearray(100 * 1024**2)\ndel x")
    small = await lasting.python("1")

    assert large.peak_memory_bytes > 100 * 1024**2
    assert small.peak_memory_bytes < 100 * 1024**2
