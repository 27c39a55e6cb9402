"""Fixtures that every layer shares."""

from __future__ import annotations

import pytest

pytest.register_assert_rewrite("bellglass.sandboxes.conformance")


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"
