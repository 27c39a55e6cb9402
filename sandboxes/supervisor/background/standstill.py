"""Stopping of background runs while tests run, so that they cannot change what is tested."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager

from bellglass.sandboxes.supervisor import processes
from bellglass.sandboxes.supervisor.background import process_tree
from bellglass.sandboxes.supervisor.background.run import Run


class Standstill:
    """Stops all processes of all runs, or none."""

    def __init__(self, roots: Callable[[], dict[int, Run]]) -> None:
        """`roots` returns the runs that are alive, by the pid of their process."""
        self._roots = roots
        self._since: float | None = None

    @contextmanager
    def hold(self) -> Generator[bool]:
        """Stop them while the context is open; yield whether there are any."""
        roots = self._roots()
        self._since = time.monotonic()
        for run in roots.values():
            run.held = True
        try:
            process_tree.freeze(roots.keys())
            yield bool(roots)
        finally:
            seconds, self._since = time.monotonic() - self._since, None
            for run in self._roots().values():
                run.held = False
                run.extend(seconds)
            self.go_on()

    def keep(self) -> bool:
        """Stop again those that the tested code has continued; tell if they are stopped."""
        if self._since is not None:
            process_tree.freeze(self._roots().keys())
        return self._since is not None

    def go_on(self) -> None:
        """Continue them, unless `hold` is active."""
        if self._since is None:
            for pids in process_tree.members(self._roots().keys(), frozenset()).values():
                for pid in pids:
                    processes.send_signal(pid, signal.SIGCONT)
