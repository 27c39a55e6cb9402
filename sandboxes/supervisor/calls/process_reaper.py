"""End every process that a call has left behind, and any that starts before the next call.

The processes are searched for only if the last PID, or the time that has passed, allows that there
is one: a walk through /proc costs more than a short call.
"""

from __future__ import annotations

import signal
import time

from bellglass.sandboxes.supervisor import processes
from bellglass.sandboxes.supervisor.background.runs import Runs
from bellglass.sandboxes.supervisor.job import Job
from bellglass.sandboxes.supervisor.worker_process import WorkerProcess

MAX_PID_TRUST_SECONDS = 0.02
"""After this long an unchanged last PID no longer proves that nothing was started: the counter may
have wrapped."""

MAX_UNREAPED_CHILDREN = 8
"""Ended children that are left for the code of a later call to wait for."""


class ProcessReaper:
    """Kills processes that are neither the worker's nor a run's, and reports every end."""

    def __init__(self, python: WorkerProcess, runs: Runs) -> None:
        self.job: Job | None = None
        """The job of the call, which is informed of its end as the worker and the runs are."""
        self.killed: list[int] = []
        """The processes that the last call had left behind, by pid."""
        self.settled = True
        """Whether nothing can run until the next request."""
        self._python = python
        self._runs = runs
        self._zombies: list[int] = []
        """Children that the foreign code has not waited for: they count against its limit."""
        self.newest = processes.last_pid()
        """The last PID when no process existed but the worker's."""
        self._rest_since = 0.0

    def note_ended(self, ended: processes.Ended) -> None:
        self._python.note_ended(ended)
        self._runs.note_ended(ended)
        if self.job is not None:
            self.job.note_ended(ended)

    def start_anew(self) -> None:
        """Record that the present processes are the worker's."""
        self.newest = processes.last_pid()

    # --- after a call

    def sweep(self, wall_seconds: float) -> bool:
        """Kill what a call of this duration has left behind; tell if it can have left anything."""
        self.killed, self._zombies = [], []
        if wall_seconds <= MAX_PID_TRUST_SECONDS and processes.last_pid() == self.newest:
            return False
        # Its threads could otherwise start processes as fast as they are killed.
        worker = self._python.worker
        processes.send_signal(worker.pid, signal.SIGSTOP)
        ended: processes.Ended = {}
        dropped = self._python.dropped
        killed = processes.sweep(self._runs.is_kept, ended) - dropped
        self.note_ended(ended)
        self.newest = processes.last_pid()
        self._zombies = processes.zombies()
        processes.send_signal(worker.pid, signal.SIGCONT)
        self.killed = sorted(killed)
        return True

    def zombies(self) -> list[int]:
        """Return the ended processes that the worker has to wait for."""
        return self.killed + (self._zombies if len(self._zombies) > MAX_UNREAPED_CHILDREN else [])

    # --- while the worker comes to rest

    def unsettle(self) -> None:
        """Note that the worker takes a checkpoint: `settle` kills what starts meanwhile."""
        self.settled = False
        self._rest_since = time.monotonic()

    def settle(self) -> None:
        """Kill what was started after the sweep: by threads, or by hooks around that fork."""
        if self.settled or not self._python.resting:
            return
        self.settled = True
        self._python.stop()
        self._python.offer_to_oom_killer()
        checkpoint = self._python.checkpoint
        newest = processes.last_pid()
        expected = {self.newest}
        if checkpoint is not None:
            expected = {self.newest, self.newest + 1} & {self.newest, checkpoint.pid}
        if newest not in expected or time.monotonic() - self._rest_since > MAX_PID_TRUST_SECONDS:
            ended: processes.Ended = {}
            processes.sweep(self._runs.is_kept, ended)
            self.note_ended(ended)
            newest = processes.last_pid()
        self.newest = newest
