"""crun behaves as runc does, in everything that depends on a runtime."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bellglass.sandboxes.conformance import Check, isolation, limits

if TYPE_CHECKING:
    from bellglass.sandboxes.backends.docker import DockerBackend


@pytest.mark.parametrize(
    "check",
    [
        isolation.the_code_has_no_privileges,
        isolation.there_is_no_network_but_loopback,
        limits.memory_is_limited_for_all_processes_together,
        limits.processes_are_limited,
        limits.disk_is_limited_everywhere,
    ],
    ids=lambda check: check.__name__,
)
async def test_contract(crun: DockerBackend, check: Check) -> None:
    await check(crun)
