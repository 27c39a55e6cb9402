"""Entry points of ours and of other distributions, by group."""

from __future__ import annotations

from functools import cache
from importlib.metadata import EntryPoint, entry_points

BACKENDS = "bellglass.sandboxes"
SETTINGS = "bellglass.settings"
TOOLS = "bellglass.tools"
JOBS = "bellglass.jobs"


@cache
def installed(group: str) -> dict[str, EntryPoint]:
    """Return the entry points of a group by name, without importing them.

    A name of ours always means our entry point, whatever other distributions declare.
    """
    found = sorted(entry_points(group=group), key=_is_ours)
    return {entry.name: entry for entry in found}


def _is_ours(entry: EntryPoint) -> bool:
    return entry.dist is not None and entry.dist.name == "bellglass"


def jobs() -> dict[str, str]:
    """Return the jobs that tools run inside a sandbox, as `package.module:NAME` by operation."""
    return {name: entry.value for name, entry in installed(JOBS).items()}
