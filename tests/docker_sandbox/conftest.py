"""The Docker backend, and what the engine itself says of its containers."""

from __future__ import annotations

import gc
import warnings
from typing import TYPE_CHECKING

import pytest
from absent import need_engine
from conftest import LIMITS

from bellglass.sandboxes.backends.docker import DockerBackend
from bellglass.sandboxes.backends.docker.image.client import connect

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterator

    from docker import APIClient


@pytest.fixture(scope="session")
def engine() -> Iterator[APIClient]:
    """A client of the engine of this machine, beside the sandbox's own."""
    need_engine()
    client = connect()
    yield client.api
    client.close()


@pytest.fixture
async def backend(engine: APIClient) -> AsyncGenerator[DockerBackend]:
    backend = DockerBackend(LIMITS)
    yield backend
    await backend.aclose()


@pytest.fixture(autouse=True)
def _sockets_of_failed_connections() -> Iterator[None]:
    """The SDK forgets to close the socket of a connection that was refused."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "unclosed <socket", ResourceWarning)
        yield
        gc.collect()
