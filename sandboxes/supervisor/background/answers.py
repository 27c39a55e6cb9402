"""Answers to the server's requests about background runs, which are also served during a call."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from bellglass.sandboxes.supervisor.background.run import Run
from bellglass.sandboxes.supervisor.report.execution_report import execution_report

if TYPE_CHECKING:
    from bellglass.sandboxes.wire.schema.execution import Execution
    from bellglass.sandboxes.wire.schema.requests import AskRuns


def answered(runs: Mapping[str, Run], request: AskRuns) -> Execution:
    """Apply `request` to one of `runs`; return the execution that answers it."""
    run = runs.get(request["run"])
    if run is None:
        return {"status": "ok", "runs": []}
    run.refresh()
    if request["do"] == "read":
        reported = _read(run)
        return {**reported, "runs": [run.facts()]}
    if request["do"] == "stop":
        run.stop("cancelled")
    else:
        run.watch(request["seconds"])
    return {"status": "ok", "runs": [run.facts()]}


def _read(run: Run) -> Execution:
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
