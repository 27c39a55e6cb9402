"""The operations that run in a process of their own, and the jobs that do them.

A job is imported on first use, or before there is a sandbox where many sandboxes are cloned from
one process: see `backends/embedded/inside/zygote.py`.
"""

from __future__ import annotations

from importlib import import_module

from bellglass.sandboxes.common.jobs import Job
from bellglass.sandboxes.supervisor.job_table import JOBS


def find(operation: str) -> Job | None:
    """Return the job for `operation`, or None if no tool has one of that name."""
    if operation not in JOBS:
        return None
    module, _, name = JOBS[operation].partition(":")
    job = getattr(import_module(module), name)
    assert isinstance(job, Job), f"{JOBS[operation]} is no Job"
    return job


def load_all() -> None:
    """Import all jobs."""
    for operation in JOBS:
        find(operation)
