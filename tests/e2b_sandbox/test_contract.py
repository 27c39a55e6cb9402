"""The contract checks on the E2B backend."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from e2b_sandbox.support import on

from bellglass.sandboxes.backends.e2b import E2BBackend
from bellglass.sandboxes.conformance import CHECKS, Check

if TYPE_CHECKING:
    from e2b_double import Double


HELD = [check for check in CHECKS if check.__name__ not in E2BBackend.unsupported_checks]


@pytest.mark.parametrize("check", HELD, ids=lambda check: check.__name__)
async def test_backend(shared_double: Double, check: Check) -> None:
    backend = on(shared_double)
    await check(backend)
    await backend.aclose()
    assert shared_double.engine.machines == {}
