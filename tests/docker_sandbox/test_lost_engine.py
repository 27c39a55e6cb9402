"""An engine that is absent, ends, hangs or is full: a clear answer, and then recovery."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tarfile
from functools import partial
from typing import TYPE_CHECKING

import anyio
import pytest
from absent import absent, need, need_engine
from conftest import LIMITS
from docker_sandbox.own_engine import OwnEngine
from docker_sandbox.watching import python, until
from meanwhile import while_running

from bellglass.sandboxes.backends.docker import DockerBackend, container
from bellglass.sandboxes.backends.docker.image import IMAGE
from bellglass.sandboxes.backends.docker.image.client import connect
from bellglass.sandboxes.errors import SandboxUnavailable
from bellglass.sandboxes.sessions.session import Session

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterator
    from pathlib import Path

DISK_BYTES = 64 * 1024**2


@pytest.fixture(scope="module")
async def own(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[OwnEngine]:
    need("dockerd", "a Docker engine")
    need_engine()
    if os.geteuid() != 0:
        absent("root, to start an engine, is not at hand")
    folder = tmp_path_factory.mktemp("engine")
    engine = OwnEngine(folder)
    await engine.start()
    try:
        await anyio.to_thread.run_sync(engine.take_image, IMAGE)
        yield engine
    finally:
        await engine.remove()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
async def docker(own: OwnEngine) -> AsyncGenerator[DockerBackend]:
    backend = DockerBackend(LIMITS, host=own.host)
    yield backend
    await backend.aclose()


async def nothing_left(own: OwnEngine) -> bool:
    def look() -> bool:
        client = connect(own.host)
        found = client.api.containers(all=True)
        client.close()
        return not found

    return await anyio.to_thread.run_sync(look)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL], ids=["stopped", "killed"])
async def test_an_engine_that_ends_costs_the_call_and_comes_back(
    own: OwnEngine, docker: DockerBackend, number: signal.Signals
) -> None:
    async with Session.open(docker) as session:
        assert (await python(session, "1")).status == "ok"
        lost = await while_running(session, partial(own.end, number))
        with (
            anyio.fail_after(40),
            pytest.raises(SandboxUnavailable, match=r"(no|No) Docker engine"),
        ):
            await python(session, "1")
        await own.start()
        after = await python(session, "'back'")

    assert lost.status == lost.state == "lost"
    assert after.value == "'back'"
    await until(partial(nothing_left, own), 40)


async def test_an_engine_that_hangs_is_not_waited_for(
    own: OwnEngine, docker: DockerBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    await docker.start()
    async with Session.open(docker) as session:
        own.send(signal.SIGSTOP)
        try:
            with monkeypatch.context() as patched, anyio.fail_after(60):
                patched.setattr(container, "LAUNCH_TIMEOUT_SECONDS", 1.0)
                patched.setattr(container, "REMOVE_TIMEOUT_SECONDS", 1.0)
                with pytest.raises(SandboxUnavailable, match="did not answer"):
                    await python(session, "1")
        finally:
            own.send(signal.SIGCONT)
        after = await python(session, "'back'")

    assert after.value == "'back'"
    await until(partial(nothing_left, own), 40)  # what it made late is removed in a thread


async def test_an_engine_that_is_not_there_is_said_to_be(tmp_path: Path) -> None:
    docker = DockerBackend(LIMITS, host=f"unix://{tmp_path}/none.sock")
    with pytest.raises(SandboxUnavailable, match="no Docker engine"):
        await docker.start()
    await docker.aclose()


async def test_a_runtime_that_is_not_there_is_named(own: OwnEngine) -> None:
    docker = DockerBackend(LIMITS, host=own.host, runtime="nosuch")
    async with Session.open(docker) as session:
        with pytest.raises(SandboxUnavailable, match="BELLGLASS_DOCKER_RUNTIME"):
            await python(session, "1")
    await docker.aclose()


TRY = """
import sys

from bellglass.sandboxes.errors import SandboxUnavailable
from bellglass.sandboxes.backends.docker.image.client import connect

try:
    connect(sys.argv[1])
except SandboxUnavailable as exc:
    print(exc.reason)
"""


async def test_a_user_who_may_not_use_the_socket_is_told_what_to_do(own: OwnEngine) -> None:
    path = own.host.removeprefix("unix://")
    # Root without its capabilities is a user as any other.
    common = ["setpriv", "--inh-caps=-all", "--bounding-set=-all"]
    mode = os.stat(path).st_mode
    os.chmod(path, 0)
    try:
        tried = await anyio.run_process([*common, sys.executable, "-c", TRY, own.host])
    finally:
        os.chmod(path, mode)

    assert "may not use the Docker engine" in tried.stdout.decode()
    assert "usermod" in tried.stdout.decode()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A folder whose `data` is a disk of its own."""
    if os.geteuid() != 0:
        absent("root, to mount a disk, is not at hand")
    data = tmp_path / "data"
    data.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", str(data)]
    if subprocess.run(mount, check=False).returncode:
        absent("a disk cannot be mounted")
    yield tmp_path
    subprocess.run(["umount", "--recursive", "--lazy", str(data)], check=False)


async def test_a_full_disk_is_told(small_disk: Path) -> None:
    need("dockerd", "a Docker engine")
    engine = OwnEngine(small_disk)
    await engine.start()
    docker = DockerBackend(LIMITS, host=engine.host, image="small")
    try:
        with tarfile.open(small_disk / "image.tar", "w") as image:
            image.addfile(tarfile.TarInfo("empty"))
        client = connect(engine.host)
        client.api.import_image(str(small_disk / "image.tar"), repository="small")
        client.close()
        await docker.start()
        fill(small_disk / "data/filling")
        with pytest.raises(SandboxUnavailable, match="disk is full"):
            async with docker.connect("ab" * 16):
                pass
    finally:
        await docker.aclose()
        await engine.remove()


def fill(path: Path) -> None:
    with open(path, "wb", buffering=0) as file, contextlib.suppress(OSError):
        for size in (1 << 20, 1 << 12, 1):
            with contextlib.suppress(OSError):
                while file.write(bytes(size)):
                    pass
