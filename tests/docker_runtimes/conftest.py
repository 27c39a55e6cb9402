"""The Docker backend with runtimes other than the engine's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from absent import absent

from bellglass.sandboxes.backends.docker import DockerBackend
from bellglass.sandboxes.backends.docker.diagnosis import runtimes
from bellglass.sandboxes.backends.docker.image.client import connect
from bellglass.sandboxes.errors import SandboxUnavailable
from bellglass.sandboxes.session_limits import MIB, Limits

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


async def sandbox_with(runtime: str, known: list[str]) -> AsyncGenerator[DockerBackend]:
    if runtime not in known:
        absent(f"the engine does not have {runtime}")
    backend = DockerBackend(LIMITS, runtime=runtime)
    yield backend
    await backend.aclose()


@pytest.fixture(scope="module")
async def gvisor(known_runtimes: list[str]) -> AsyncGenerator[DockerBackend]:
    async for backend in sandbox_with("runsc", known_runtimes):
        yield backend


@pytest.fixture(scope="module")
async def crun(known_runtimes: list[str]) -> AsyncGenerator[DockerBackend]:
    async for backend in sandbox_with("crun", known_runtimes):
        yield backend
