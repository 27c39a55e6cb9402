"""Servers and data for the agent."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from absent import need_engine
from agent.support import lay_out
from protocol.support import adopt_orphans, http_server

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path


@pytest.fixture(scope="session", autouse=True)
def orphans_are_ours() -> None:
    adopt_orphans()


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of the recorded tasks."""
    folder = tmp_path_factory.mktemp("tasks")
    lay_out(folder)
    return folder


@pytest.fixture(scope="session")
def embedded_url() -> Generator[str]:
    with http_server(BELLGLASS_SANDBOX="embedded") as (_, url):
        yield url


@pytest.fixture(scope="session")
def docker_url() -> Generator[str]:
    need_engine()
    with http_server(BELLGLASS_SANDBOX="docker") as (_, url):
        yield url


@pytest.fixture(params=["embedded", "docker"])
def url(request: pytest.FixtureRequest) -> str:
    """A server on each of the sandboxes."""
    found: str = request.getfixturevalue(f"{request.param}_url")
    return found
