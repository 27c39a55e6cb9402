"""Requests about background runs of a session."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from bellglass.sandboxes.errors import RunNotFound, SessionLost
from bellglass.sandboxes.execution import Execution
from bellglass.sandboxes.sessions import notices

if TYPE_CHECKING:
    from bellglass.sandboxes.connection import Connection
    from bellglass.sandboxes.sessions.background_runs import Run, Runs


async def ask_run(
    connection: Connection | None,
    runs: Runs,
    run: Run,
    do: Literal["read", "stop", "watch"],
    seconds: float | None,
) -> Execution:
    """Ask the sandbox about a run; without a sandbox it is lost.

    Raises:
        RunNotFound: The sandbox knows it no more.
    """
    if run.state != "lost" and connection is not None:
        try:
            execution = await connection.ask_run(run.id, do, seconds)
        except SessionLost:
            run.become("lost")
        else:
            if not execution.runs or execution.runs[0].id != run.id:
                runs.remove(run.id)
                raise RunNotFound(run.id, [known.id for known in runs])
            return execution
    return Execution(status="lost", notices=[notices.RUN_LOST])
