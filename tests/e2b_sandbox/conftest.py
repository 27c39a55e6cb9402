"""Doubles of E2B for the tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from e2b_double import Double
from e2b_sandbox.support import on, path_with_python

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Generator

    from bellglass.sandboxes.backends.e2b import E2BBackend


@pytest.fixture(scope="module", autouse=True)
def state_of_its_own(tmp_path_factory: pytest.TempPathFactory) -> Generator[None]:
    """Have servers write down their sessions where no other server looks."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
        yield


@pytest.fixture(scope="module")
def shared_double() -> Generator[Double]:
    """One for tests that leave it as it is."""
    with Double() as double:
        double.engine.path = path_with_python()
        yield double


@pytest.fixture
def double() -> Generator[Double]:
    """One of one's own, to meddle with."""
    with Double() as double:
        double.engine.path = path_with_python()
        yield double


@pytest.fixture(scope="module")
async def backend(shared_double: Double) -> AsyncGenerator[E2BBackend]:
    """What the attacks of `tests/security` are made on here."""
    backend = on(shared_double)
    yield backend
    await backend.aclose()
