"""Selection of a backend when none is named."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bellglass.sandboxes.errors import SandboxUnavailable
from bellglass.server.backend_selection import choose
from bellglass.server.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path

    from docker import APIClient

NO_EMBEDDED = {"BELLGLASS_PYTHON": "/bin/false"}
"""With it the embedded backend can make no sandbox."""


async def test_the_embedded_sandbox_is_the_first_choice() -> None:
    backend = await choose(Settings.from_environ({}))
    await backend.aclose()

    assert backend.name == "embedded"


async def test_docker_serves_where_the_embedded_sandbox_cannot(engine: APIClient) -> None:
    backend = await choose(Settings.from_environ(NO_EMBEDDED))
    await backend.aclose()

    assert backend.name == "docker"


async def test_where_none_can_run_each_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("E2B_API_KEY", "E2B_API_URL", "E2B_DOMAIN"):
        monkeypatch.delenv(name, raising=False)
    nowhere = {"BELLGLASS_DOCKER_HOST": f"unix://{tmp_path}/none.sock"}
    with pytest.raises(SandboxUnavailable) as caught:
        await choose(Settings.from_environ({**NO_EMBEDDED, **nowhere}))

    assert "embedded: " in caught.value.reason
    assert "docker: There is no Docker engine" in caught.value.reason
    assert "e2b: " in caught.value.reason
