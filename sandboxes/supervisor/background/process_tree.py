"""Decide whether a process belongs to a background run: everything below its process does."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterable
from collections.abc import Set as AbstractSet

from bellglass.sandboxes.supervisor import processes

MAX_PASSES = 20
"""Lookups repeated: a parent that ends during one passes its child to another process."""

FREEZE_TIMEOUT_SECONDS = 0.5


def root_of(pid: int, roots: AbstractSet[int]) -> int:
    """Return the member of `roots` that the process is, or descends from; 0 if none."""
    for _ in range(MAX_PASSES):
        at = pid
        while at > 1 and at not in roots:
            parent = processes.parent(at)
            if parent is None:
                break
            at = parent
        else:
            return at if at in roots else 0
        if processes.parent(pid) is None:
            return 0
    return 0


def members(roots: AbstractSet[int], without: AbstractSet[int]) -> dict[int, list[int]]:
    """Return the processes of each root, including the root itself."""
    found: dict[int, list[int]] = {root: [] for root in roots}
    for pid in processes.pids():
        if pid not in without and (root := root_of(pid, roots)):
            found[root].append(pid)
    return found


def end(root: int) -> None:
    """Kill a process and all its descendants.

    They are stopped first, until no new one is found: a stopped process starts nothing, so the tree
    is complete when it is killed. The root goes last, because its children would be reparented.
    """
    stopped: set[int] = set()
    deadline = time.monotonic() + FREEZE_TIMEOUT_SECONDS
    while time.monotonic() < deadline:
        new = [pid for pid in _below(root) if pid not in stopped]
        if not new:
            break
        for pid in new:
            processes.send_signal(pid, signal.SIGSTOP)
        stopped.update(new)
    for pid in _below(root):
        if pid != root:
            processes.send_signal(pid, signal.SIGKILL)
    processes.send_signal(root, signal.SIGKILL)


def freeze(roots: AbstractSet[int]) -> list[int]:
    """Stop processes and all their descendants, until no new one is found; return them."""
    stopped: set[int] = set()
    deadline = time.monotonic() + FREEZE_TIMEOUT_SECONDS
    while time.monotonic() < deadline:
        found = [pid for pids in members(roots, frozenset()).values() for pid in pids]
        new = [pid for pid in found if not processes.stopped(pid)]
        if stopped.issuperset(new):
            break  # the kernel stops a process as soon as it would run next
        for pid in new:
            processes.send_signal(pid, signal.SIGSTOP)
        stopped.update(new)
    return sorted(stopped)


def end_known(known: Iterable[tuple[int, int]]) -> None:
    """Kill processes, given by pid and start time, and all their descendants."""
    for pid, started in known:
        if processes.start_time(pid) == started:
            end(pid)


def any_alive(known: Iterable[tuple[int, int]]) -> bool:
    """Tell if one of these still exists: a killed process may take a moment to end."""
    return any(
        processes.start_time(pid) == started and processes.alive(pid) for pid, started in known
    )


def _below(root: int) -> list[int]:
    return members({root}, frozenset({os.getpid()}))[root]
