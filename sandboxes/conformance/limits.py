"""Checks of limits on memory, processes, disk and output, which the session outlives."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bellglass.sandboxes.conformance.check import bash, check, python
from bellglass.sandboxes.sessions.session import Session

if TYPE_CHECKING:
    from bellglass.sandboxes.backend import Backend


@check
async def memory_is_limited_for_one_process(backend: Backend) -> None:
    size = backend.limits.memory_bytes * 2
    async with Session.open(backend) as session:
        execution = await python(session, f"b = b'x' * {size}\nlen(b)", timeout=30)
        after = await python(session, "'still here'")
    assert execution.status == "oom" or (
        execution.error is not None and execution.error.name == "MemoryError"
    )
    assert after.value == "'still here'"


@check
async def memory_is_limited_for_all_processes_together(backend: Backend) -> None:
    part = backend.limits.memory_bytes // 4
    code = f"""
import os, time
children = []
for _ in range(8):
    children.append(os.fork())
    if children[-1] == 0:
        b = b'x' * {part}
        time.sleep(20)
        os._exit(0)
sum(os.WIFSIGNALED(os.waitpid(child, 0)[1]) for child in children)
"""
    async with Session.open(backend) as session:
        execution = await python(session, code, timeout=10)
        after = await python(session, "'still here'")
    assert execution.value != "0"
    assert execution.status == "oom" or any("memory" in notice for notice in execution.notices)
    assert after.value == "'still here'"


@check
async def processes_are_limited(backend: Backend) -> None:
    code = f"""
import os, time
n = 0
try:
    for _ in range({backend.limits.processes * 4}):
        if os.fork() == 0:
            time.sleep(20)
            os._exit(0)
        n += 1
except OSError:
    pass
n
"""
    async with Session.open(backend) as session:
        execution = await python(session, code)
        after = await python(session, "'still here'")
    assert execution.value is not None
    assert int(execution.value) <= backend.limits.processes
    assert after.value == "'still here'"


@check
async def disk_is_limited_everywhere(backend: Backend) -> None:
    most = (backend.limits.disk_bytes + backend.limits.scratch_bytes) * 2
    code = f"""
import os
endless = []
for d in ('.', '/tmp', '/var/tmp', '/dev/shm', '/dev', '/run', '/opt', '/'):
    n, paths = 0, []
    try:
        while n < {most}:
            paths.append(f'{{d}}/fill{{len(paths)}}')
            with open(paths[-1], 'wb') as f:
                os.posix_fallocate(f.fileno(), 0, 16 << 20)
            n += 16 << 20
        endless.append(d)
    except OSError:
        pass
    for p in paths:
        try: os.unlink(p)
        except OSError: pass
endless
"""
    async with Session.open(backend) as session:
        execution = await python(session, code, timeout=60)
    assert execution.value == "[]"


@check
async def output_is_cut_and_the_rest_can_be_read(backend: Backend) -> None:
    async with Session.open(backend) as session:
        execution = await python(session, "print('a' * 3_000_000)\nprint('the end')", timeout=30)
        assert execution.stdout.file is not None
        rest = await bash(session, f"wc -c < {execution.stdout.file}")
    assert execution.stdout.total_bytes == 3_000_009
    assert execution.stdout.cut_bytes > 2_900_000
    assert len(execution.stdout.text) < backend.limits.output_bytes + 1000
    assert execution.stdout.text.endswith("the end\n")
    assert "omitted" in execution.stdout.text
    assert rest.stdout.text.strip() == "3000009"
