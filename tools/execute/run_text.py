"""Text about background runs for a model, beside their output."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from bellglass.sandboxes.sessions.durations import duration
from bellglass.tools.call_limits import MAX_TIMEOUT_SECONDS

if TYPE_CHECKING:
    from bellglass.sandboxes.execution import Execution, RunState
    from bellglass.sandboxes.sessions.session import Session
    from bellglass.tools.context import ToolContext


def begun(run: RunState, session: Session) -> str:
    """Return the text of the result that begins a run."""
    kept = f" All it prints is in {' and '.join(run.files)}." if run.files else ""
    return (
        f"Started {run.id} in the background, for at most {duration(run.limit_seconds)}. Read it "
        f'with background_run(session_id="{session.id}", run_id="{run.id}", wait=30), end it with '
        f"stop=true.{kept}"
    )


def went(run: RunState, execution: Execution, how: str) -> str:
    """Return the state of a run in one line; `how` describes a failure of its code."""
    started = "1 process" if run.processes == 1 else f"{run.processes} processes"
    gone = f"{run.seconds:.1f} s" if run.seconds < 10 else duration(run.seconds)
    so_far = f"{gone} of at most {duration(run.limit_seconds)}, {started}"
    if execution.status == "running":
        return f"{run.id} is running: {so_far}."
    if execution.status == "cancelled":
        return f"{run.id} was stopped after {gone}."
    if run.state == "returned":
        return f"{run.id} has returned{_so(how)} What it started goes on: {so_far}."
    return f"{run.id} ended after {gone}{_so(how)}"


def _so(how: str) -> str:
    return f". {how}." if how else "."


def listed(session: Session) -> str:
    """Return the runs of a session, one line each."""
    now = time.time()
    lines = []
    for run in session.runs:
        line = f"{run.id} ({run.op}): {run.state}"
        if run.lives:
            gone = duration(now - run.started_at)
            line += f", started {gone} ago, ended at the latest in {duration(run.over_at - now)}"
        lines.append(line)
    if not lines:
        lines = ["No background runs. execute_python and execute_bash begin one: background=true."]
    return "\n".join([*lines, f"session_id: {session.id}"])


def more_time(execution: Execution, session: Session, context: ToolContext) -> str:
    """Return how code that reached its time limit can be given more."""
    if execution.runs:
        return f"pass a larger timeout (at most {context.background_seconds:g} s)"
    longer = f"pass a larger timeout (at most {MAX_TIMEOUT_SECONDS} s)"
    background = context.background_seconds and session.metadata["name"] != "restricted"
    return f"{longer} or background=true" if background else longer
