"""The contract checks, on every backend that is built in and on both launchers of the embedded."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import pytest

from bellglass.sandboxes.base import Limits
from bellglass.sandboxes.conformance import CHECKS, Check
from bellglass.sandboxes.embedded import EmbeddedSandbox

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from bellglass.sandboxes.base import Sandbox

LIMITS = Limits(memory_bytes=384 * 1024**2, disk_bytes=64 * 1024**2, scratch_bytes=32 * 1024**2)


@pytest.fixture(scope="module", params=["zygote", "bubblewrap"])
async def sandbox(request: pytest.FixtureRequest) -> AsyncGenerator[Sandbox]:
    if request.param == "bubblewrap" and shutil.which("bwrap") is None:
        if os.environ.get("CI"):
            pytest.fail("bubblewrap is not installed, and in CI it has to be")
        pytest.skip("bubblewrap is not installed")
    sandbox = EmbeddedSandbox(LIMITS, launcher=request.param)
    yield sandbox
    await sandbox.aclose()


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
async def test_backend(sandbox: Sandbox, check: Check) -> None:
    await check(sandbox)
