"""The engine's view of our containers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import anyio

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from docker import APIClient

    from bellglass.sandboxes.execution import Execution
    from bellglass.sandboxes.sessions.session import Session


def containers(engine: APIClient, label: str) -> list[dict[str, Any]]:
    """Return the containers with that label, running or not."""
    found: list[dict[str, Any]] = engine.containers(all=True, filters={"label": label})
    return found


def container_of(engine: APIClient, session: Session) -> str:
    """Return the id of the container that a session has."""
    (found,) = containers(engine, f"bellglass.session={session.id}")
    return str(found["Id"])


async def until(condition: Callable[[], Awaitable[bool]], seconds: float) -> None:
    """Wait for what an engine has no event for, or none that could not be missed."""
    with anyio.fail_after(seconds):
        while not await condition():  # noqa: ASYNC110 - see above
            await anyio.sleep(0.05)


async def gone(engine: APIClient, container: str, seconds: float = 40) -> None:
    """Wait until the engine does not know the container any more."""

    async def is_gone() -> bool:
        found = await anyio.to_thread.run_sync(lambda: engine.containers(all=True))
        return all(each["Id"] != container for each in found)

    await until(is_gone, seconds)


async def python(session: Session, code: str, timeout: float = 20) -> Execution:
    return await session.run("python", {"code": code}, timeout=timeout)
