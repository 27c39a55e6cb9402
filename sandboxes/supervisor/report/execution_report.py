"""The report of a call or a background run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bellglass.sandboxes.supervisor.report.missing_command import missing_command

if TYPE_CHECKING:
    from bellglass.sandboxes.wire.schema.execution import Display, Execution, Outcome, Output
    from bellglass.sandboxes.wire.schema.packets import Answered

MAX_REASON_CHARACTERS = 1_000


def execution_report(
    *,
    op: str,
    outcome: Outcome,
    answer: Answered | None,
    displays: list[Display],
    outputs: tuple[Output, Output],
    exit_code: int | None,
    wall_seconds: float,
    cpu_seconds: float,
    peak: int,
    notices: list[str],
) -> Execution:
    """Build the report from our own verdict and measurements, and the claims of the process."""
    out, err = outputs
    error = answer["error"] if answer is not None else None
    if op == "bash" and exit_code == 127:  # the exit code that POSIX prescribes
        error = missing_command(err["text"])
    return {
        "status": outcome["status"],
        "exit_code": outcome["exit_code"],
        "signal": outcome["signal"],
        "stdout": out,
        "stderr": err,
        "value": answer["value"] if answer is not None else None,
        "error": error,
        "displays": displays,
        "wall_seconds": round(wall_seconds, 6),
        "cpu_seconds": round(cpu_seconds, 6),
        "peak_memory_bytes": peak,
        "background_bytes": answer["background_bytes"] if answer is not None else 0,
        "notices": notices,
    }


def failure(reason: str) -> Execution:
    """Return an execution that reports an error of ours."""
    reason = reason[:MAX_REASON_CHARACTERS]
    return {
        "status": "error",
        "error": {"name": "RunnerError", "message": reason, "traceback": reason},
    }
