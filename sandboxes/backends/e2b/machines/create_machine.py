"""Create a machine for a sandbox, also when the answer of the engine is lost."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import anyio

from bellglass.sandboxes.backends.e2b.errors import E2BError, Kind
from bellglass.sandboxes.backends.e2b.machines.listing import SANDBOX_NAME, marked
from bellglass.sandboxes.backends.e2b.machines.machine import KILL_TIMEOUT_SECONDS, Machine
from bellglass.sandboxes.backends.e2b.patience import LOOK_INTERVAL_SECONDS, MIN_GONE_LOOKS

if TYPE_CHECKING:
    from bellglass.sandboxes.backends.e2b.endpoint import Endpoint

logger = logging.getLogger(__name__)

UNSURE: frozenset[Kind] = frozenset(
    {"timeout", "unreachable", "busy", "changing", "foreign", "unknown"}
)
"""Kinds of failure after which the machine may be there all the same. Any other is a refusal."""

LOOK_DELAYS_SECONDS = (0.0, 1.0, 3.0)
"""Seconds before each look for it: what was cut off may just be coming into being."""

SEARCH_TIMEOUT_SECONDS = 20.0
"""For all searches together: a client is waiting for the sandbox."""


async def create_machine(
    client: Any, endpoint: Endpoint, marks: dict[str, str], lease_seconds: int
) -> Machine:
    """Return a new machine with `marks`, which name its sandbox.

    The engine is asked for one once. When its answer is lost, the machine is looked for by its
    marks, and used; a second one would be paid for too.

    Raises:
        E2BError: There is none, as far as can be known (see `UNSURE`).
    """
    try:
        return await _create(client, endpoint, marks, lease_seconds)
    except anyio.get_cancelled_exc_class():
        # Nobody will use it. It is ended at once, and if that fails the sweep comes by.
        with anyio.move_on_after(KILL_TIMEOUT_SECONDS, shield=True):
            found = await _found(client, endpoint, marks[SANDBOX_NAME], LOOK_DELAYS_SECONDS[:2])
            await _end(client, endpoint, found)
        raise


async def find_machine(
    client: Any, endpoint: Endpoint, sandbox_id: str, lease_seconds: int
) -> Machine:
    """Return the machine of that id, which another server had; one wrong word is not believed.

    Raises:
        E2BError: It is gone, or out of our reach.
    """
    for _ in range(MIN_GONE_LOOKS - 1):
        try:
            return await Machine.attach(client, endpoint, sandbox_id, lease_seconds)
        except E2BError as exc:
            logger.info("E2B: %s", exc)
        await anyio.sleep(LOOK_INTERVAL_SECONDS)
    return await Machine.attach(client, endpoint, sandbox_id, lease_seconds)


async def _create(
    client: Any, endpoint: Endpoint, marks: dict[str, str], lease_seconds: int
) -> Machine:
    try:
        return await Machine.create(client, endpoint, marks, lease_seconds)
    except E2BError as exc:
        if exc.kind not in UNSURE:
            raise
        machine = await _reattach(client, endpoint, marks[SANDBOX_NAME], lease_seconds)
        if machine is None:
            raise
        logger.info(
            "E2B: the answer to a create was lost (%s); the sandbox was found and is used", exc.kind
        )
        return machine


async def _reattach(
    client: Any, endpoint: Endpoint, sandbox_name: str, lease_seconds: int
) -> Machine | None:
    """Return the machine that was made for `sandbox_name`, or None; end any of no use."""
    with anyio.move_on_after(SEARCH_TIMEOUT_SECONDS):
        unused = await _found(client, endpoint, sandbox_name, LOOK_DELAYS_SECONDS)
        try:
            if unused:
                machine = await Machine.attach(client, endpoint, unused[0], lease_seconds)
                del unused[0]
                return machine
        except E2BError as exc:
            logger.warning("E2B: %s", exc)
        finally:
            with anyio.move_on_after(KILL_TIMEOUT_SECONDS, shield=True):
                await _end(client, endpoint, unused)
    return None


async def _end(client: Any, endpoint: Endpoint, sandbox_ids: list[str]) -> None:
    for sandbox_id in sandbox_ids:
        try:
            await Machine.end(client, endpoint, sandbox_id)
        except E2BError as exc:
            logger.warning("E2B: %s", exc)  # the sweep comes by


async def _found(
    client: Any, endpoint: Endpoint, sandbox_name: str, looks: tuple[float, ...]
) -> list[str]:
    """Return the ids of the machines that were made for `sandbox_name`: one, if any."""
    failures = 0
    for pause in looks:
        await anyio.sleep(pause)
        try:
            found = await marked(client, endpoint, **{SANDBOX_NAME: sandbox_name})
        except E2BError as exc:
            logger.info("E2B: %s", exc)
            failures += 1
            if failures == 2:
                break  # it is not there to be asked
            continue
        if found:
            return [info.sandbox_id for info in found]
    return []
