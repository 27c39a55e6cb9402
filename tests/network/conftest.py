"""Sandboxes with network access for one test."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Protocol

import pytest
from network.support import Web, web

from bellglass.sandboxes.sessions.session import Session

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Generator
    from contextlib import AbstractAsyncContextManager

    from bellglass.sandboxes.backend import Backend
    from bellglass.sandboxes.egress.network import Network


@pytest.fixture
def host() -> Generator[Web]:
    with web() as server:
        yield server


@pytest.fixture
def index() -> Generator[Web]:
    with web() as server:
        yield server


class Opened(Protocol):
    def __call__(self, network: Network) -> AbstractAsyncContextManager[Session]: ...


@pytest.fixture
def opened(backend: Backend) -> Opened:
    """Return a way to open a session on each sandbox, with that network."""

    @asynccontextmanager
    async def opened(network: Network) -> AsyncGenerator[Session]:
        backend.network = network
        try:
            async with Session.open(backend) as session:
                yield session
        finally:
            backend.network = None
            await network.aclose()

    return opened
