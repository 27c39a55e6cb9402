"""The operations that get a process of their own for one request, and what does them.

What they need is imported when one is first asked for, or before there is a sandbox, where many
sandboxes are made of one process: see `backends/embedded/inside/zygote.py`.
"""

from __future__ import annotations

from importlib import import_module

from bellglass.sandboxes.common.jobs import Job
from bellglass.sandboxes.supervisor.job_table import JOBS


def find(operation: str) -> Job | None:
    """Return the job that does `operation`, None if it is none that a tool has."""
    if operation not in JOBS:
        return None
    module, _, name = JOBS[operation].partition(":")
    job = getattr(import_module(module), name)
    assert isinstance(job, Job), f"{JOBS[operation]} is no Job"
    return job


def load_all() -> None:
    """Import what all of them need."""
    for operation in JOBS:
        find(operation)
