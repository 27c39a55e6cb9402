"""What the server asks about background runs, beside the calls."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bellglass.sandboxes.supervisor.background.run import Run
from bellglass.sandboxes.supervisor.execution_report import execution_report
from bellglass.sandboxes.wire.framing import Message


def answered(runs: Mapping[str, Run], request: Message) -> Message:
    """Do what `request` asks of one of `runs`, or of all; return the execution that answers it."""
    run = runs.get(str(request.get("run")))
    execution: dict[str, Any] = {"status": "ok"}
    if run is not None:
        run.refresh()
        if request["do"] == "stop":
            run.stop("cancelled")
        elif request["do"] == "watch":
            run.poller(float(request["seconds"]))
        elif request["do"] == "read":
            execution = _read(run)
        execution["runs"] = [run.facts()]
    elif request["do"] == "list":
        for known in runs.values():
            known.refresh()
        execution["runs"] = [known.facts() for known in runs.values()]
    return execution


def _read(run: Run) -> Message:
    displays = run.displays()
    return execution_report(
        op=run.op,
        outcome=run.outcome(),
        answer=run.answer,
        displays=displays,
        outputs=(run.out.read(), run.err.read()),
        exit_code=run.job.exit_code,
        wall_seconds=run.wall_seconds,
        cpu_seconds=run.cpu_seconds,
        peak=run.peak,
        notices=run.notices,
    )
