"""What a session installs has a size of its own, beside that of its files."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from conftest import LIMITS, made
from network.support import bash, network, publish, python, wheel

from bellglass.sandboxes.session_limits import MIB
from bellglass.tools.execute.hints.hints import hint_for

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from pathlib import Path

    from network.conftest import Opened
    from network.support import Web

    from bellglass.sandboxes.backend import Backend

SMALL = replace(LIMITS, disk_bytes=8 * MIB, packages_bytes=48 * MIB, file_bytes=48 * MIB)


@pytest.fixture(params=["zygote", "bubblewrap", "docker"])
async def backend(request: pytest.FixtureRequest) -> AsyncGenerator[Backend]:
    backend = made(request.param, SMALL)
    yield backend
    await backend.aclose()


async def test_packages_take_nothing_of_the_workspace_and_have_a_limit(
    opened: Opened, index: Web, tmp_path: Path
) -> None:
    publish(index, "alpha", wheel("alpha", text=f"value = 41\n#{'x' * 15_000_000}"))
    publish(index, "beta", wheel("beta", text=f"#{'x' * 40_000_000}"))
    async with opened(network("packages", index=index, cache=tmp_path)) as session:
        installed = await bash(session, "pip install -q alpha && python -c 'import alpha'")
        refused = await bash(session, "pip install -q beta")
        again = await python(session, "import alpha\nalpha.value + 1")
        files = await python(session, "open('/work/f', 'wb').write(bytes(9_000_000))")

    assert installed.status == "ok", installed
    assert again.value == "42"
    assert refused.exit_code != 0
    hint = hint_for(refused, SMALL, fresh=False, network="packages")
    assert "BELLGLASS_PACKAGE_DISK_MB" in (hint or ""), refused.stderr.text
    assert files.error is not None
    assert "No space left" in files.error.message
