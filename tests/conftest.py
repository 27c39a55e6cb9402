"""Fixtures that every layer shares."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import pytest

from bellglass.sandboxes.base import Limits
from bellglass.sandboxes.embedded import EmbeddedSandbox

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

pytest.register_assert_rewrite(
    "bellglass.sandboxes.conformance", "security.lying", "security.support"
)

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
async def sandbox(request: pytest.FixtureRequest) -> AsyncGenerator[EmbeddedSandbox]:
    """The embedded sandbox, with each of its launchers."""
    if request.param == "bubblewrap" and shutil.which("bwrap") is None:
        if os.environ.get("CI"):
            pytest.fail("bubblewrap is not installed, and in CI it has to be")
        pytest.skip("bubblewrap is not installed")
    sandbox = EmbeddedSandbox(LIMITS, launcher=request.param)
    yield sandbox
    await sandbox.aclose()
