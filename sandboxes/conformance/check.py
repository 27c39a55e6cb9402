"""The type of a check, its registry, and the two ways of running code that checks use."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bellglass.sandboxes.backend import Backend
    from bellglass.sandboxes.execution import Execution
    from bellglass.sandboxes.sessions.session import Session

Check = Callable[["Backend"], Awaitable[None]]

CHECKS: list[Check] = []


def check(function: Check) -> Check:
    """Register a function as a check of the contract."""
    CHECKS.append(function)
    return function


async def python(session: Session, code: str, timeout: float = 20) -> Execution:
    return await session.run("python", {"code": code}, timeout=timeout)


async def bash(session: Session, command: str, timeout: float = 20) -> Execution:
    return await session.run("bash", {"command": command}, timeout=timeout)
