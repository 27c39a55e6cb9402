"""The contract on the restricted backend, except for what it does not promise."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest
from protocol.support import COMMAND, environment

from bellglass.sandboxes import registry
from bellglass.sandboxes.backends.restricted import RestrictedBackend
from bellglass.sandboxes.conformance import CHECKS, Check
from bellglass.sandboxes.session_limits import Limits

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

HELD = [check for check in CHECKS if check.__name__ not in RestrictedBackend.unsupported_checks]


@pytest.fixture
async def restricted() -> AsyncGenerator[RestrictedBackend]:
    backend = RestrictedBackend(Limits())
    yield backend
    await backend.aclose()


@pytest.mark.parametrize("check", HELD, ids=lambda check: check.__name__)
async def test_restricted_tier(restricted: RestrictedBackend, check: Check) -> None:
    await check(restricted)


def test_what_it_lacks_is_of_the_contract() -> None:
    assert set(RestrictedBackend.unsupported_checks) < {check.__name__ for check in CHECKS}


def test_it_is_never_chosen_by_itself() -> None:
    assert "restricted" in registry.installed()
    assert "restricted" not in registry.STRONG


def test_doctor_says_that_nothing_isolates_it() -> None:
    told = subprocess.run(
        [COMMAND, "--sandbox", "restricted", "doctor"],
        env=environment({}),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    ).stdout

    assert "Code runs on the restricted backend." in told
    assert "isolation by the operating system: none" in told
