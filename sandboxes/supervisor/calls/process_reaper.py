"""After a call: every process that it has left behind is ended, and none starts until the next.

It is looked for only if the number of the newest process, or the time that went by, allows that
there is one: a walk through /proc costs more than a short call.
"""

from __future__ import annotations

import signal
import time

from bellglass.sandboxes.supervisor import processes
from bellglass.sandboxes.supervisor.background.runs import Runs
from bellglass.sandboxes.supervisor.job import Job
from bellglass.sandboxes.supervisor.worker_process import WorkerProcess

MAX_PID_TRUST_SECONDS = 0.02
"""For so long the number of the newest process is trusted to tell if one was started. Given more
time, code can start processes until the numbers have come round."""

MAX_UNREAPED_CHILDREN = 8
"""Ended children that stay for the code of a later call to wait for."""


class ProcessReaper:
    """Ends what is neither the interpreter's nor a run's, and tells of every end."""

    def __init__(self, python: WorkerProcess, runs: Runs) -> None:
        self.job: Job | None = None
        """The job of the call, which is told of its end as they are."""
        self.killed: list[int] = []
        """What the last call had left behind."""
        self.settled = True
        """Nothing runs until the next request."""
        self._python = python
        self._runs = runs
        self._unburied: list[int] = []
        """Children that the foreign code has not waited for: they count against the limit."""
        self._newest = processes.last_pid()
        """Number of the newest process when there were none but the interpreter's."""
        self._rest_since = 0.0

    def note_ended(self, ended: processes.Ended) -> None:
        self._python.note_ended(ended)
        self._runs.note_ended(ended)
        if self.job is not None:
            self.job.note_ended(ended)

    def start_anew(self) -> None:
        """Take what is there now for the interpreter's."""
        self._newest = processes.last_pid()

    # --- when a call is over

    def sweep(self, wall_seconds: float) -> None:
        """End what a call that took so long has left behind."""
        self.killed, self._unburied = [], []
        if wall_seconds <= MAX_PID_TRUST_SECONDS and processes.last_pid() == self._newest:
            return
        # Stopped, or its threads could start processes as fast as they are ended.
        worker = self._python.worker
        processes.send_signal(worker.pid, signal.SIGSTOP)
        ended: processes.Ended = {}
        dropped = self._python.dropped
        killed = processes.sweep(self._runs.spared, ended) - dropped
        self.note_ended(ended)
        self._newest = processes.last_pid()
        self._unburied = processes.zombies()
        processes.send_signal(worker.pid, signal.SIGCONT)
        self.killed = sorted(killed)

    def to_bury(self) -> list[int]:
        """Return the ended processes that the worker is to wait for."""
        return self.killed + (self._unburied if len(self._unburied) > MAX_UNREAPED_CHILDREN else [])

    # --- when the worker rests

    def unsettle(self) -> None:
        """The worker is about to rest: what is started until it does is ended by `settle`."""
        self.settled = False
        self._rest_since = time.monotonic()

    def settle(self) -> None:
        """End what was started after the sweep: by threads, or by hooks around the copy's fork."""
        if self.settled or not self._python.resting:
            return
        self.settled = True
        self._python.stop()
        self._python.offer_to_oom_killer()
        copy = self._python.checkpoint
        newest = processes.last_pid()
        expected = {self._newest}
        if copy is not None:
            expected = {self._newest, self._newest + 1} & {self._newest, copy.pid}
        if newest not in expected or time.monotonic() - self._rest_since > MAX_PID_TRUST_SECONDS:
            ended: processes.Ended = {}
            processes.sweep(self._runs.spared, ended)
            self.note_ended(ended)
            newest = processes.last_pid()
        self._newest = newest
