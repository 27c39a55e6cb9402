"""The contract checks, on every backend that is built in and on both launchers of the embedded."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bellglass.sandboxes.conformance import CHECKS, Check

if TYPE_CHECKING:
    from bellglass.sandboxes.backend import Backend


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
async def test_backend(backend: Backend, check: Check) -> None:
    await backend.start()
    if check.__name__ not in backend.unsupported_checks:
        await check(backend)


async def test_only_zygote_lets_sessions_outlive_their_server(backend: Backend) -> None:
    await backend.start()

    assert len(backend.unsupported_checks) == (backend.metadata.get("launcher") != "zygote")
