"""The restricted backend from inside: nothing reaches out, and nothing grows without bound."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import pytest
from overlapping import call_within_a_call_is_refused
from security.support import until

from bellglass.sandboxes.backends.restricted import RestrictedBackend
from bellglass.sandboxes.session_limits import Limits
from bellglass.sandboxes.sessions.session import Session

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from bellglass.sandboxes.execution import Execution

MB = 1024**2


@pytest.fixture
async def session() -> AsyncGenerator[Session]:
    backend = RestrictedBackend(Limits())
    async with Session.open(backend) as session:
        yield session
    await backend.aclose()


async def run(session: Session, code: str, timeout: float = 60) -> Execution:
    return await session.run("python", {"code": code}, timeout=timeout)


OUT = {
    "file": "open('{file}').read()",
    "path": "from pathlib import Path\nPath('{file}').read_text()",
    "listing": "import os\nos.listdir('{folder}')",
    "exists": "from pathlib import Path\nassert not Path('{file}').exists()\n1 / 0",
    "writing": "open('{folder}/new', 'w').write('x')",
    "removing": "import os\nos.remove('{file}')",
    "environment": "import os\nos.environ['BELLGLASS_TEST_SECRET']",
    "getenv": "import os\nos.getenv('BELLGLASS_TEST_SECRET').upper()",
    "program": "import os\nos.system('touch {folder}/new')",
    "subprocess": "import subprocess\nsubprocess.run(['touch', '{folder}/new'])",
    "socket": "import socket\nsocket.socket()",
    "url": "import urllib.request",
    "ctypes": "import ctypes",
    "classes": "().__class__.__base__.__subclasses__()",
    "globals": "(lambda: 0).__globals__['__builtins__']",
    "import": "__import__('os').system('touch {folder}/new')",
    "importlib": "import importlib",
    "frames": "import sys\nsys._getframe(0)",
    "eval": "eval(\"__import__('os').system('touch {folder}/new')\")",
    "exec": 'exec("import socket")',
    "traceback": "try:\n    1 / 0\nexcept Exception as e:\n    e.__traceback__.tb_frame.f_globals",
}


@pytest.mark.parametrize("how", OUT)
async def test_no_way_out(
    session: Session, how: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("untold")
    monkeypatch.setenv("BELLGLASS_TEST_SECRET", "untold")
    execution = await run(session, OUT[how].format(file=secret, folder=tmp_path))

    assert execution.status == "error"
    assert "untold" not in execution.model_dump_json()
    assert os.listdir(tmp_path) == ["secret"]


BOMBS = {
    "list": "[0] * 10**9",
    "text": "'x' * 10**10",
    "power": "9**9**9",
    "growing": "a = []\nwhile True: a.append('x' * 1000)",
    "doubling": "a = 'x'\nwhile True: a += a",
    "shift": "1 << 10**10",
    "format": "f'{1:>9999999999}'",
    "range": "list(range(10**9))",
    "keys": "d = {}\ni = 0\nwhile True:\n    d[i] = i\n    i += 1",
}


@pytest.mark.parametrize("how", BOMBS)
async def test_memory_is_bounded(session: Session, how: str) -> None:
    await run(session, "kept = 7")
    before = memory_of_children()
    execution = await run(session, BOMBS[how])

    assert execution.status == "error"
    assert execution.error is not None
    assert execution.error.name in ("MemoryError", "OverflowError", "ValueError")
    assert execution.state in ("kept", "restored")
    assert memory_of_children() - before < 300 * MB
    assert (await run(session, "kept")).value == "7"


STALLS = {
    "loop": "while True: pass",
    "sleep": "import time\ntime.sleep(60)",
    "async sleep": "import asyncio\nawait asyncio.sleep(60)",
    "arithmetic": "[9**9**7 % 7 for _ in range(99)]",
    "expression": "import re\nre.match('(a+)+$', 'a' * 40 + 'b')\nwhile True: pass",
    "printing": "while True: print('x' * 1000)",
    "value that never ends": "a = [1]\nfor _ in range(60): a = [a, a]\na",
    "catching": "while True:\n    try:\n        while True: pass\n    except BaseException: pass",
}


@pytest.mark.parametrize("how", STALLS)
async def test_time_is_bounded_and_variables_are_as_before(session: Session, how: str) -> None:
    await run(session, "kept = 7")
    execution = await run(session, f"kept = 8\n{STALLS[how]}", timeout=1)

    assert execution.status == "timeout"
    assert execution.state == "restored"
    assert (await run(session, "kept")).value == "7"


async def test_variables_without_room_for_a_copy_are_turned_back(session: Session) -> None:
    await run(session, "kept = 7")
    execution = await run(session, "kept = 8\nlarge = [i + 0.5 for i in range(1_500_000)]")
    after = await run(session, "kept")

    assert (execution.status, after.value) in ((("ok"), "7"), ("error", "7"))
    assert execution.state == "restored"
    assert execution.notices == [
        "The variables took more memory than a copy of them leaves room for."
    ]


async def test_deep_recursion_is_an_error_and_not_a_crash(session: Session) -> None:
    execution = await run(session, "def f(n): return f(n + 1)\nf(0)")

    assert execution.error is not None
    assert execution.error.name == "RecursionError"


async def test_source_that_breaks_parsers_is_an_error(session: Session) -> None:
    for code in ("(" * 9_000, "-" * 19_000 + "1", "[" * 5_000 + "]" * 5_000, "a" + ".a" * 9_000):
        execution = await run(session, code)

        assert execution.status in ("error", "crashed")
        assert (await run(session, "1 + 1")).value == "2"


async def test_output_without_end_is_counted_and_not_kept(session: Session) -> None:
    execution = await run(session, "for _ in range(100_000): print('x' * 100)")

    assert execution.stdout.total_bytes == 10_100_000
    assert len(execution.stdout.text) < 30_000


async def test_redefined_builtins_change_no_value(session: Session) -> None:
    await run(session, "repr = str = len = format = print = None")

    assert (await run(session, "[1, 'a']")).value == "[1, 'a']"


async def test_nothing_runs_when_the_session_is_over() -> None:
    before = set(monty_processes())
    backend = RestrictedBackend(Limits())
    async with Session.open(backend) as session, anyio.create_task_group() as tasks:
        tasks.start_soon(run, session, "while True: pass", 60)
        await until(lambda: set(monty_processes()) > before)
        tasks.cancel_scope.cancel()
    await backend.aclose()

    await until(lambda: set(monty_processes()) <= before)


def monty_processes() -> list[int]:
    """Return our children that are Monty's."""
    children = [
        pid
        for task in Path("/proc/self/task").iterdir()
        for pid in text_if_there(task / "children").split()
    ]
    return [int(pid) for pid in children if text_if_there(f"/proc/{pid}/comm").strip() == "monty"]


def memory_of_children() -> int:
    """Return the resident memory of Monty's processes, in bytes."""
    sizes = [text_if_there(f"/proc/{pid}/statm").split() for pid in monty_processes()]
    return sum(int(size[1]) for size in sizes if size) * os.sysconf("SC_PAGE_SIZE")


def text_if_there(path: str | Path) -> str:
    """Return what the kernel says of a task, or nothing of one that has ended meanwhile."""
    try:
        return Path(path).read_text()
    except OSError:
        return ""


async def test_a_call_within_a_call_is_out_of_order() -> None:
    backend = RestrictedBackend(Limits())
    await call_within_a_call_is_refused(backend)
    await backend.aclose()
