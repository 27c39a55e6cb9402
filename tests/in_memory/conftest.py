"""A real client and a real server in one process, on the backend that executes nothing."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Protocol

import anyio
import pytest
from mcp import Client
from mcp.types import Implementation

from bellglass.server.app import build_server
from bellglass.server.settings import Settings

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from contextlib import AbstractAsyncContextManager

    from bellglass.sandboxes import Backend


class Connect(Protocol):
    """Opens a client to a server on this backend, with these settings; `name` is the client's."""

    def __call__(
        self, backend: Backend, name: str | None = None, **settings: str
    ) -> AbstractAsyncContextManager[Client]: ...


@pytest.fixture(params=["legacy", "auto"])
def connect(request: pytest.FixtureRequest) -> Connect:
    @asynccontextmanager
    async def connect(
        backend: Backend, name: str | None = None, **settings: str
    ) -> AsyncGenerator[Client]:
        async def choose() -> Backend:
            return backend

        server = build_server(Settings.from_environ({}, settings), choose)
        with anyio.fail_after(20):
            info = Implementation(name=name, version="1") if name else None
            async with Client(server, mode=request.param, client_info=info) as client:
                yield client

    return connect
