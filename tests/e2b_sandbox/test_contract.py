"""The contract checks on the E2B backend."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from e2b_sandbox.support import on

from bellglass.sandboxes.conformance import CHECKS, Check

if TYPE_CHECKING:
    from e2b_double import Double


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
async def test_backend(shared_double: Double, check: Check) -> None:
    backend = on(shared_double)
    await check(backend)
    await backend.aclose()
    assert shared_double.engine.machines == {}
