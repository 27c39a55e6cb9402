"""What the engine says of our containers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import anyio

if TYPE_CHECKING:
    from docker import APIClient

    from bellglass.sandboxes.execution import Execution
    from bellglass.sandboxes.session import Session


def containers(engine: APIClient, label: str) -> list[dict[str, Any]]:
    """Return the containers with that label, running or not."""
    found: list[dict[str, Any]] = engine.containers(all=True, filters={"label": label})
    return found


def container_of(engine: APIClient, session: Session) -> str:
    """Return the id of the container that a session has."""
    (found,) = containers(engine, f"bellglass.session={session.id}")
    return str(found["Id"])


async def gone(engine: APIClient, container: str, seconds: float = 20) -> None:
    """Wait until the engine does not know the container any more."""
    with anyio.fail_after(seconds):
        # The engine has no event that could not be missed.
        while any(each["Id"] == container for each in engine.containers(all=True)):  # noqa: ASYNC110
            await anyio.sleep(0.05)


async def python(session: Session, code: str, timeout: float = 20) -> Execution:
    return await session.run("python", {"code": code}, timeout=timeout)
