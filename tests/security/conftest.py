"""Fixtures of every attack."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from security.outliving import Host
from security.support import Target

from bellglass.sandboxes.sessions.session import Session

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from pathlib import Path

    from bellglass.sandboxes.backend import Backend


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what is marked `once` for every sandbox but the first: see pyproject.toml."""
    again = [item for item in items if item.get_closest_marker("once") and not _first(item)]
    if again:
        items[:] = [item for item in items if item not in set(again)]
        config.hook.pytest_deselected(items=again)


def _first(item: pytest.Item) -> bool:
    callspec = getattr(item, "callspec", None)
    return callspec is None or callspec.params.get("backend", "zygote") == "zygote"


@pytest.fixture
async def target(backend: Backend) -> AsyncGenerator[Target]:
    """A session of its own for each attack, with something to lose."""
    async with Session.open(backend) as session:
        target = Target(session, backend.limits)
        await target.settle()
        yield target


@pytest.fixture(scope="module")
async def lasting(backend: Backend) -> AsyncGenerator[Target]:
    """One session for all attacks of a file that leave nothing behind when they fail."""
    async with Session.open(backend) as session:
        target = Target(session, backend.limits)
        await target.settle()
        yield target


@pytest.fixture
async def host(tmp_path: Path) -> AsyncGenerator[Host]:
    """A user whose sessions outlive their servers; nothing of them is left after the test."""
    host = Host(tmp_path)
    yield host
    await host.is_clean()
