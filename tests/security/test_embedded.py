"""The embedded backend when a process of it dies, or a protection is missing."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import pytest
from absent import need

from bellglass.sandboxes.backends.embedded import EmbeddedBackend
from bellglass.sandboxes.backends.embedded.launch import receive_frame
from bellglass.sandboxes.backends.embedded.zygote import Zygote
from bellglass.sandboxes.errors import SandboxUnavailable
from bellglass.sandboxes.frame_models import Ready
from bellglass.sandboxes.session_limits import MIB, Limits
from bellglass.sandboxes.sessions.session import Session

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from anyio.abc import ByteStream

    from bellglass.sandboxes.backends.embedded.stream import SignedStream

LIMITS = Limits(memory_bytes=300 * MIB)

READY = Ready(
    type="ready",
    python="3.11.7",
    uid=1000,
    capabilities=0,
    no_new_privs=True,
    seccomp=2,
    interfaces=["lo"],
    closed_supervisor=True,
    writable_disks=[],
    memory_bytes=None,
    processes=None,
)


@pytest.fixture
async def backend() -> AsyncGenerator[EmbeddedBackend]:
    backend = EmbeddedBackend(LIMITS, launcher="zygote")
    yield backend
    await backend.aclose()


async def ready(stream: ByteStream | SignedStream) -> None:
    frame = await receive_frame(stream)  # type: ignore[arg-type]
    assert frame["type"] == "ready"


def pid_of(backend: EmbeddedBackend) -> int:
    launcher = backend._launcher
    assert isinstance(launcher, Zygote)
    info = Path(f"/proc/self/fdinfo/{launcher._pidfd}").read_text()
    return int(next(line.split()[1] for line in info.splitlines() if line.startswith("Pid:")))


def children_of(pid: int) -> list[int]:
    try:
        return [int(p) for p in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:  # it has ended
        return []


def descendants(pid: int) -> list[int]:
    return [pid, *(each for child in children_of(pid) for each in descendants(child))]


def _command(pid: str) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:  # it has ended
        return b""


async def until(condition: Callable[[], bool]) -> None:
    with anyio.fail_after(20):
        while not condition():  # noqa: ASYNC110 - the kernel sets no event
            await anyio.sleep(0.01)


def gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


async def test_twenty_sandboxes_at_once(backend: EmbeddedBackend) -> None:
    async def visit() -> None:
        async with backend.connect("x") as stream:
            await ready(stream)

    async with anyio.create_task_group() as tasks:
        for _ in range(20):
            tasks.start_soon(visit)

    zygote = pid_of(backend)
    await until(lambda: children_of(zygote) == [])


async def test_cancelling_at_any_moment_leaves_nothing(backend: EmbeddedBackend) -> None:
    async with backend.connect("first") as stream:
        await ready(stream)
    before = len(os.listdir("/proc/self/fd"))

    for tenths in range(0, 150, 3):
        with anyio.move_on_after(tenths / 10_000):
            async with backend.connect("x") as stream:
                await anyio.sleep_forever()

    zygote = pid_of(backend)
    await until(lambda: children_of(zygote) == [])
    await until(lambda: len(os.listdir("/proc/self/fd")) <= before)
    for parent in getattr(backend.cgroups(), "parents", []):
        assert list(parent.glob(f"bellglass-{os.getpid()}-*-[0-9]*")) == []


async def test_cancelling_a_bubblewrap_at_any_moment_leaves_nothing() -> None:
    need("bwrap", "bubblewrap")
    # Whoever has this number in its command line is of this test.
    size = 24 * MIB + os.getpid() * 4096
    backend = EmbeddedBackend(Limits(disk_bytes=size), launcher="bubblewrap")
    async with backend.connect("first") as stream:
        await ready(stream)

    for milliseconds in range(0, 160, 4):
        with anyio.move_on_after(milliseconds / 1000):
            async with backend.connect("x"):
                await anyio.sleep_forever()

    def left() -> list[bytes]:
        commands = [_command(name) for name in os.listdir("/proc") if name.isdigit()]
        return [command for command in commands if str(size).encode() in command]

    await until(lambda: left() == [])


async def test_a_zygote_that_was_killed_is_replaced(backend: EmbeddedBackend) -> None:
    async with backend.connect("first") as stream:
        await ready(stream)
        os.kill(pid_of(backend), signal.SIGKILL)
        with pytest.raises(anyio.EndOfStream):
            await stream.receive()

    async with backend.connect("second") as stream:
        await ready(stream)


async def test_leaving_ends_the_zygote() -> None:
    backend = EmbeddedBackend(LIMITS, launcher="zygote")
    async with backend.connect("x") as stream:
        await ready(stream)
    zygote = pid_of(backend)

    await backend.aclose()

    assert gone(zygote)


SERVER = """
import anyio, os, sys
from bellglass.sandboxes.session_limits import Limits
from bellglass.sandboxes.backends.embedded import EmbeddedBackend

async def main():
    sandbox = EmbeddedBackend(Limits(), launcher=sys.argv[1])
    async with sandbox.connect("x") as stream:
        launcher = sandbox._launcher
        zygote = getattr(launcher, "_pidfd", None)
        info = open(f"/proc/self/fdinfo/{zygote}").read() if zygote else ""
        print(info.partition("Pid:")[2].split()[0] if zygote else os.getpid(), flush=True)
        await anyio.sleep_forever()

anyio.run(main)
"""


@pytest.mark.parametrize("launcher", ["zygote", "bubblewrap"])
async def test_nothing_outlives_a_server_that_was_killed(launcher: str) -> None:
    if launcher == "bubblewrap":
        need("bwrap", "bubblewrap")
    server = subprocess.Popen(  # noqa: ASYNC220
        [sys.executable, "-c", SERVER, launcher], stdout=subprocess.PIPE, text=True
    )
    assert server.stdout is not None
    first = int(await anyio.to_thread.run_sync(server.stdout.readline))
    ours = descendants(first)
    assert len(ours) >= 2

    server.kill()
    server.wait()
    server.stdout.close()

    await until(lambda: all(gone(pid) for pid in ours))


@pytest.mark.parametrize(
    "weakness",
    [
        {"uid": 0},
        {"capabilities": 1 << 21},
        {"no_new_privs": False},
        {"seccomp": 0},
        {"seccomp": 1},
        {"interfaces": ["lo", "eth0"]},
        {"interfaces": []},
        {"closed_supervisor": False},
    ],
    ids=str,
)
async def test_a_sandbox_that_lacks_a_protection_is_refused(weakness: dict[str, object]) -> None:
    backend = EmbeddedBackend(LIMITS)
    backend.verify(READY)

    with pytest.raises(SandboxUnavailable, match="came up without"):
        backend.verify(READY.model_copy(update=weakness))


@pytest.mark.parametrize("launcher", ["zygote", "bubblewrap", "auto"])
async def test_without_its_python_it_says_what_to_do(launcher: str) -> None:
    backend = EmbeddedBackend(LIMITS, launcher=launcher, python="/nonexistent/python")  # type: ignore[arg-type]

    with pytest.raises(SandboxUnavailable, match="bellglass setup") as caught:
        async with backend.connect("x"):
            pass

    assert "nothing was executed" in str(caught.value)


async def test_a_setuid_bubblewrap_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    need("bwrap", "bubblewrap")
    copy = tmp_path / "bwrap"
    shutil.copy(shutil.which("bwrap") or "", copy)
    copy.chmod(0o4755)
    monkeypatch.setenv("PATH", str(tmp_path))
    backend = EmbeddedBackend(LIMITS, launcher="bubblewrap")

    with pytest.raises(SandboxUnavailable, match="setuid"):
        async with backend.connect("x"):
            pass


async def test_the_diagnosis_of_a_machine_that_isolates_is_good(backend: EmbeddedBackend) -> None:
    findings = {finding.what: finding.holds for finding in await backend.diagnose()}

    assert findings["launcher"]
    assert findings["namespaces"]
    assert findings["user"]


async def test_a_new_sandbox_finds_all_of_our_program_imported(backend: EmbeddedBackend) -> None:
    # The zygote freezes what there is before the first sandbox, which leaves the collector's lists.
    code = (
        "import gc, sys\n"
        "late = {id(module) for module in gc.get_objects()}\n"
        "[name for name, module in sys.modules.items()"
        " if name.startswith('bellglass') and id(module) in late]"
    )

    async with Session.open(backend) as session:
        execution = await session.run("python", {"code": code}, timeout=10)

    assert execution.value == "[]"
