"""One session for all programs of a corpus."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bellglass.sandboxes.sessions.session import Session

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from bellglass.sandboxes.backend import Backend


@pytest.fixture(scope="module")
async def session(backend: Backend) -> AsyncGenerator[Session]:
    async with Session.open(backend) as session:
        yield session
