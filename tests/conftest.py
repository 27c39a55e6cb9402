"""Fixtures that every layer shares."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Literal

import pytest
from absent import need, need_engine

from bellglass.sandboxes.backends.docker import DockerBackend
from bellglass.sandboxes.backends.embedded import EmbeddedBackend
from bellglass.sandboxes.session_limits import Limits

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from pathlib import Path

    from bellglass.sandboxes.backend import Backend

pytest.register_assert_rewrite(
    "bellglass.sandboxes.conformance", "security.lying", "security.outliving", "security.support"
)

# Servers that tests start leave nothing, unless a test says otherwise.
os.environ.setdefault("BELLGLASS_DETACHED_SECONDS", "0")
os.environ.setdefault("BELLGLASS_STORE", "")

EXIT_STATUS = pytest.StashKey[int]()

LIMITS = Limits(
    memory_bytes=384 * 1024**2,
    disk_bytes=64 * 1024**2,
    scratch_bytes=32 * 1024**2,
    files=4096,
)


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module", params=["zygote", "bubblewrap"])
def launcher(request: pytest.FixtureRequest) -> Literal["zygote", "bubblewrap"]:
    """Each launcher of the embedded backend."""
    if request.param == "bubblewrap":
        need("bwrap", "bubblewrap")
        return "bubblewrap"
    return "zygote"


@pytest.fixture(scope="module")
async def embedded(launcher: Literal["zygote", "bubblewrap"]) -> AsyncGenerator[EmbeddedBackend]:
    """The embedded backend, with each of its launchers."""
    backend = EmbeddedBackend(LIMITS, launcher=launcher)
    yield backend
    await backend.aclose()


@pytest.fixture(scope="module", params=["zygote", "bubblewrap", "docker"])
async def backend(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncGenerator[Backend]:
    """Every sandbox that has the kernel of this machine under it."""
    backend = made(request.param, LIMITS, keeper=tmp_path_factory.mktemp("keeper"))
    yield backend
    await backend.aclose()


def made(
    name: Literal["zygote", "bubblewrap", "docker"], limits: Limits, keeper: Path | None = None
) -> Backend:
    """Return the backend with these limits; skip the test if it cannot be used here."""
    if name == "docker":
        need_engine()
        return DockerBackend(limits)
    if name == "bubblewrap":
        need("bwrap", "bubblewrap")
    return EmbeddedBackend(limits, launcher=name, keeper=keeper)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    session.config.stash[EXIT_STATUS] = int(exitstatus)


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config: pytest.Config) -> None:
    """End at once where E2B's SDK was used.

    Its transport aborts, once in a hundred times, an interpreter that ends in order.
    """
    worker = hasattr(config, "workerinput")  # of xdist, which minds no exit code but the words
    if "pyqwest" in sys.modules and not worker:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(config.stash[EXIT_STATUS])
