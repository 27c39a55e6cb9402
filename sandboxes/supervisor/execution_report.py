"""What is told of a call or a background run, in the shape of `execution.Execution`."""

from __future__ import annotations

from typing import Any

from bellglass.sandboxes.supervisor import untrusted
from bellglass.sandboxes.supervisor.missing_command import missing_command
from bellglass.sandboxes.wire.framing import Message


def execution_report(
    *,
    op: str,
    outcome: Message,
    answer: Message | None,
    displays: list[Message],
    outputs: tuple[Message, Message],
    exit_code: int | None,
    wall_seconds: float,
    cpu_seconds: float,
    peak: int,
    notices: list[str],
) -> dict[str, Any]:
    """Return what is known of it: our own verdict and measures, and what its process claims."""
    out, err = outputs
    answer = answer or {}
    error = answer.get("error")
    if op == "bash" and exit_code == 127:  # as POSIX has it
        error = missing_command(err["text"])
    return {
        **outcome,
        "stdout": out,
        "stderr": err,
        "value": untrusted.text(answer.get("value")),
        "error": untrusted.error(error),
        "displays": displays,
        "wall_seconds": round(wall_seconds, 6),
        "cpu_seconds": round(cpu_seconds, 6),
        "peak_memory_bytes": peak,
        "background_bytes": untrusted.count(answer.get("background_bytes")),
        "notices": notices,
    }
