"""What is installed beside us: entry points of ours and of other distributions, by group."""

from __future__ import annotations

from functools import cache
from importlib.metadata import EntryPoint, entry_points

BACKENDS = "bellglass.sandboxes"
TOOLS = "bellglass.tools"
JOBS = "bellglass.jobs"


@cache
def installed(group: str) -> dict[str, EntryPoint]:
    """Return the entry points of a group by name; none is imported."""
    return {entry.name: entry for entry in entry_points(group=group)}


def jobs() -> dict[str, str]:
    """Return the jobs that tools run inside a sandbox, as `package.module:NAME` by operation."""
    return {name: entry.value for name, entry in installed(JOBS).items()}
