"""The E2B backend on the double, through the real SDK."""

from __future__ import annotations

import os
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
from e2b_double import KEY

from bellglass.sandboxes.backends.e2b import E2BBackend
from bellglass.sandboxes.session_limits import Limits
from bellglass.sandboxes.sessions.session import Session
from bellglass.sandboxes.setup.environments import find_python

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from e2b_double import Double

    from bellglass.sandboxes.execution import Execution

LIMITS = Limits(
    memory_bytes=384 * 1024**2,
    disk_bytes=64 * 1024**2,
    scratch_bytes=32 * 1024**2,
    files=4096,
)


def path_with_python() -> str:
    """Where a template has its python3: the one with numpy."""
    return f"{Path(find_python()).parent}:{os.environ['PATH']}"


def on(double: Double, **options: Any) -> E2BBackend:
    """Return the sandbox as it is configured for the double."""
    given = {"key": KEY, "api_url": double.url, "sandbox_url": double.url, "per_second": 100}
    return E2BBackend(LIMITS, **{**given, **options})


@asynccontextmanager
async def session_on(double: Double, **options: Any) -> AsyncGenerator[Session]:
    """Open one session, and close its sandbox after it."""
    backend = on(double, **options)
    async with Session.open(backend) as session:
        yield session
    await backend.aclose()


async def python(session: Session, code: str, timeout: float = 20) -> Execution:
    return await session.run("python", {"code": code}, timeout=timeout)


async def settled(session: Session) -> None:
    """Wait until the supervisor has its copy of the variables; a mere look has it make no other.

    To be done before a machine sleeps. That stops the clock of a real one, but not of the double's
    processes: one that slept while it made the copy would be taken for one that hangs.
    """
    look = await python(session, "None")
    assert (look.status, look.state) == ("ok", "kept")


async def until(holds: Callable[[], bool], seconds: float = 60) -> None:
    """Wait for what the double gets to know from elsewhere."""
    with anyio.fail_after(seconds):
        while not holds():  # noqa: ASYNC110 - it happens in another process
            await anyio.sleep(0.02)


def settings_for(double: Double) -> dict[str, str]:
    """Return the variables of a server that uses the double."""
    return {
        "BELLGLASS_SANDBOX": "e2b",
        "BELLGLASS_E2B_API_URL": double.url,
        "BELLGLASS_E2B_SANDBOX_URL": double.url,
        "BELLGLASS_E2B_MAX_CREATES_PER_SECOND": "100",
        "E2B_API_KEY": KEY,
    }
