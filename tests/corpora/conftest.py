"""One session for all programs of a corpus."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bellglass.sandboxes.session import Session

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from bellglass.sandboxes.base import Sandbox


@pytest.fixture(scope="module")
async def session(sandbox: Sandbox) -> AsyncGenerator[Session]:
    async with Session.open(sandbox) as session:
        yield session
