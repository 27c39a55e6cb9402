"""The docker sandbox with runtimes other than the engine's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from absent import absent

from bellglass.sandboxes.base import MIB, Limits
from bellglass.sandboxes.docker import DockerSandbox
from bellglass.sandboxes.docker.diagnosis import runtimes
from bellglass.sandboxes.errors import SandboxUnavailable
from bellglass.sandboxes.image.client import connect

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

LIMITS = Limits(memory_bytes=384 * MIB, disk_bytes=64 * MIB, scratch_bytes=32 * MIB, files=4096)


@pytest.fixture(scope="session")
def known_runtimes() -> list[str]:
    """The runtimes of the engine of this machine."""
    try:
        engine = connect()
    except SandboxUnavailable as exc:
        absent(exc.reason)
    with engine.api:
        return list(runtimes(engine.info()))


async def sandbox_with(runtime: str, known: list[str]) -> AsyncGenerator[DockerSandbox]:
    if runtime not in known:
        absent(f"the engine does not have {runtime}")
    sandbox = DockerSandbox(LIMITS, runtime=runtime)
    yield sandbox
    await sandbox.aclose()


@pytest.fixture(scope="module")
async def gvisor(known_runtimes: list[str]) -> AsyncGenerator[DockerSandbox]:
    async for sandbox in sandbox_with("runsc", known_runtimes):
        yield sandbox


@pytest.fixture(scope="module")
async def crun(known_runtimes: list[str]) -> AsyncGenerator[DockerSandbox]:
    async for sandbox in sandbox_with("crun", known_runtimes):
        yield sandbox
