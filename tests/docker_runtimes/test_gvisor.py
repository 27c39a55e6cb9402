"""The contract under gVisor, and those of its checks that end differently there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bellglass.sandboxes.conformance import CHECKS, Check, background, limits, outliving
from bellglass.sandboxes.conformance.check import python
from bellglass.sandboxes.conformance.hostile import the_supervisor_cannot_be_read_or_killed
from bellglass.sandboxes.sessions.session import Session

if TYPE_CHECKING:
    from bellglass.sandboxes.backends.docker import DockerBackend

OTHERWISE = {
    limits.processes_are_limited,
    the_supervisor_cannot_be_read_or_killed,
    # Its kernel gives the orphans of a run to process 1: they pass for a call's, and are ended.
    background.a_sweep_spares_background_runs_and_nothing_else,
    # No container outlives its server.
    outliving.a_session_outlives_its_server,
}


@pytest.mark.parametrize(
    "check", [check for check in CHECKS if check not in OTHERWISE], ids=lambda check: check.__name__
)
async def test_contract(gvisor: DockerBackend, check: Check) -> None:
    await check(gvisor)


async def test_the_kernel_is_another(gvisor: DockerBackend) -> None:
    async with Session.open(gvisor) as session:
        release = await python(session, "import os; os.uname().release")

    assert release.value == "'4.4.0'"  # what gVisor calls itself


async def test_where_code_can_open_process_1_every_result_says_so(gvisor: DockerBackend) -> None:
    async with Session.open(gvisor) as session:
        opened = await python(session, "open('/proc/1/environ', 'rb').read(1) != b''")
        told = "results" in session.metadata

    assert told == (opened.value == "True")
    assert told == (not session.backend.has_true_results)


@pytest.mark.parametrize(
    "code",
    [
        "import os\nwhile True:\n    try:\n        os.fork()\n    except OSError:\n        pass",
        "import os\nos.kill(1, 9)",
    ],
    ids=["fork_bomb", "end_of_process_1"],
)
async def test_who_ends_the_sandbox_loses_only_his_own(gvisor: DockerBackend, code: str) -> None:
    async with Session.open(gvisor) as session, Session.open(gvisor) as other:
        await python(other, "x = 1")

        execution = await python(session, code, timeout=20)

        assert execution.status == "lost"
        assert (await python(session, "1 + 1")).value == "2"
        assert (await python(other, "x")).value == "1"


async def test_what_ended_for_memory_is_told_so(gvisor: DockerBackend) -> None:
    # Faster than the supervisor looks: the kernel ends the sandbox, or the supervisor a part of it.
    fill = f"""
import os, time
for _ in range(24):
    if os.fork() == 0:
        b = b'x' * {gvisor.limits.memory_bytes * 3 // 4}
        time.sleep(20)
        os._exit(0)
os.wait()
"""
    async with Session.open(gvisor) as session:
        execution = await python(session, fill, timeout=20)

    assert any("memory" in notice for notice in execution.notices), execution
