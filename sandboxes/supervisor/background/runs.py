"""The background runs of a session, with one poller for all their descriptors."""

from __future__ import annotations

import os
import select
import signal
import time
from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING

from bellglass.sandboxes.common.limits import MAX_ENDED_RUNS, MAX_RUNS
from bellglass.sandboxes.common.process import KEPT_FD_OFFSET
from bellglass.sandboxes.supervisor import processes
from bellglass.sandboxes.supervisor.accounting import LOOK_INTERVAL_SECONDS
from bellglass.sandboxes.supervisor.accounting.files import FileCounter
from bellglass.sandboxes.supervisor.accounting.kernel_memory import KernelMemory, Verdict
from bellglass.sandboxes.supervisor.accounting.shared_memory import SharedMemory, share
from bellglass.sandboxes.supervisor.background import process_tree
from bellglass.sandboxes.supervisor.background.answers import answered
from bellglass.sandboxes.supervisor.background.python_start import PythonStart
from bellglass.sandboxes.supervisor.background.run import Run
from bellglass.sandboxes.supervisor.background.standstill import Standstill
from bellglass.sandboxes.supervisor.fd_poller import FdPoller
from bellglass.sandboxes.supervisor.job import Job, start
from bellglass.sandboxes.supervisor.report.execution_report import failure
from bellglass.sandboxes.supervisor.server_stream import ServerStream
from bellglass.sandboxes.supervisor.shell import Shell
from bellglass.sandboxes.supervisor.worker_process import WorkerProcess

if TYPE_CHECKING:
    from bellglass.sandboxes.wire.schema.execution import Execution
    from bellglass.sandboxes.wire.schema.frames import KnownRun
    from bellglass.sandboxes.wire.schema.packets import BeginRun
    from bellglass.sandboxes.wire.schema.requests import AskRuns, BashCall, PythonCall

TOO_MANY = (
    f"A session may have {MAX_RUNS} background runs at a time. "
    "Stop one, or wait until one has ended."
)

OUT_OF_MEMORY = (
    "The run was ended: the session was out of memory, and this run used the most of it."
)

UNREADABLE = "The run was ended: it sent the supervisor a message that cannot be read."

TOO_MANY_FILES = "The run was ended: the session had more files than its limit."


class Runs:
    """Begins and supervises runs, and answers the server's requests about them."""

    def __init__(
        self,
        stream: ServerStream,
        poller: FdPoller,
        limits: dict[str, int],
        kept: Callable[[], Iterable[int]],
        oom_kills: Callable[[], int],
        kernel_memory: KernelMemory,
    ) -> None:
        """`kept` lists the worker and its checkpoints, `oom_kills` is the kernel's count."""
        self.cpu_seconds = 0.0
        """CPU time of processes of runs that PID 1 has waited for, which belongs to no call."""
        self.oom_kills = 0
        """Kills for lack of memory that hit processes of runs."""
        self.all_ended_for: Verdict | None = None
        """Why everything was ended, until a call reports it."""
        self._uncounted = kernel_memory
        self.unsettled = False
        """Whether a run has ended and may have left processes that nobody has seen yet."""
        self._stream = stream
        self._limits = limits
        self._kept = kept
        self._count_oom_kills = oom_kills
        self._shared = SharedMemory(limits["memory_bytes"], 0, 0)
        self._files = FileCounter(limits["files"])
        self._poller = poller
        self._disarmed: list[tuple[int, Run, str]] = []
        """Descriptors that are not read again until the next tick."""
        self._runs: dict[str, Run] = {}
        self._python_start: PythonStart | None = None
        """Made when it is needed first."""
        self._next_tick = 0.0
        self.standstill = Standstill(self.roots)

    # --- ownership of processes

    def roots(self) -> dict[int, Run]:
        """Return the runs that are alive, by the pid of their process."""
        return {run.job.pid: run for run in self._runs.values() if not run.finished}

    def is_kept(self, pid: int) -> bool:
        """Tell whether a process is the worker's or a run's, and so survives the end of a call."""
        if pid in self._kept():
            return True
        roots = self.roots()
        return bool(roots) and process_tree.root_of(pid, roots.keys()) != 0

    # --- used by both loops

    def wait_ms(self, other: int | None = None) -> int | None:
        """Return the poll timeout of a loop that would otherwise wait for `other`."""
        if all(run.finished and run.reported == "ended" for run in self._runs.values()):
            return other
        mine = max(0, int((self._next_tick - time.monotonic()) * 1000) + 1)
        return mine if other is None else min(mine, other)

    def _arm(self, fd: int, run: Run, what: str) -> None:
        take = partial(self._take, fd, run, what)
        self._poller.add(fd, take, partial(self._end_unreadable, run))

    def _take(self, fd: int, run: Run, what: str, events: int) -> None:
        """Take in what has arrived from a run on `out`, `err` or `control`."""
        if what == "control":
            more = run.take_packet()
        else:
            more = bool((run.out if what == "out" else run.err).take(fd))
            more = more or not events & select.POLLHUP
        if not more or run.full:
            self._poller.remove(fd)
        if run.full:
            self._disarmed.append((fd, run, what))
        self._tell()

    def _end_unreadable(self, run: Run, _: int) -> None:
        run.kill("killed", UNREADABLE)

    def _rearm(self) -> None:
        for fd, run, what in self._disarmed:
            if not run.finished:
                self._arm(fd, run, what)
        self._disarmed.clear()

    def tick(self, now: float, *, alone: bool) -> None:
        """Enforce the limits of runs, if due; `alone` when no call enforces those of all."""
        if now < self._next_tick:
            return
        self._next_tick = now + LOOK_INTERVAL_SECONDS
        roots = self.roots()
        if roots or not alone:
            self.look(LOOK_INTERVAL_SECONDS)
        if not roots:
            self._tell()
            return
        self._stream.tick(now)
        if self.standstill.keep():
            return
        for run in roots.values():
            run.next_tick()
        self._rearm()
        for root, pids in process_tree.members(roots.keys(), frozenset(self._kept())).items():
            try:
                roots[root].enforce(now, pids)
            except Exception:
                self._end_unreadable(roots[root], 0)
        if alone:
            self._enforce_together()
        self._tell()

    def look(self, ran_seconds: float) -> None:
        """End everything if the session holds too much uncounted kernel memory."""
        exceeded = self._uncounted.exceeded(ran_seconds)
        if exceeded is None:
            return
        self.all_ended_for = exceeded
        verdict, what = exceeded
        for run in self.roots().values():
            run.kill(verdict, f"The run was ended: the session held {what}.")
        # kill(2) with -1 reaches every process of the pid namespace but ourselves, at once.
        processes.send_signal(-1, signal.SIGKILL)

    def note_ended(self, ended: processes.Ended) -> None:
        for pid, run in self.roots().items():
            if pid in ended:
                run.job.note_ended(ended)
                self.cpu_seconds += ended[pid].cpu_seconds
                self._finish(run, ended[pid].cpu_seconds)

    def _finish(self, run: Run, cpu_seconds: float) -> None:
        if run.killed and self._count_oom_kills() > self.oom_kills:
            self.oom_kills = self._count_oom_kills()
            run.verdict = "oom"
        for fd in (run.job.out, run.job.err, run.job.control.socket.fileno()):
            self._poller.remove(fd)
        run.end(cpu_seconds)
        self.unsettled = True
        self._tell()

    def _tell(self) -> None:
        for run in self._runs.values():
            if run.reported != "ended":
                # A server that does not read must not hold us up: the frame is sent later.
                if not self._stream.writable():
                    return
                for frame in run.frames(time.monotonic()):
                    self._stream.send(frame)
        reported = [run for run in self._runs.values() if run.reported == "ended"]
        for old in sorted(reported, key=lambda run: run.ended_at)[:-MAX_ENDED_RUNS]:
            old.forget()
            del self._runs[old.name]

    # --- memory of the whole session

    def relieve(self, total: int, *, always: bool = False) -> bool:
        """End the run that uses the most, if it uses more than everything outside runs.

        `always`: end it anyway, because nothing else could be ended. Returns whether one was ended.
        """
        roots = self.roots()
        if not roots:
            return False
        shares = {
            root: sum(map(share, pids))
            for root, pids in process_tree.members(roots.keys(), frozenset(self._kept())).items()
        }
        root = max(shares, key=lambda root: shares[root])
        ends = always or shares[root] >= total - sum(shares.values())
        if ends:
            roots[root].kill("oom", OUT_OF_MEMORY)
        self.standstill.go_on()  # they were stopped for the measurement
        return ends

    def _enforce_together(self) -> None:
        most = self._limits["memory_bytes"]
        total = self._shared.counted_once(processes.memory(frozenset()))
        if total > most:
            self.relieve(total, always=True)
        if self._files.most() > self._limits["files"]:
            for run in self.roots().values():
                run.stop("killed", TOO_MANY_FILES)

    # --- requests of the server

    def begin(
        self, request: PythonCall | BashCall, python: WorkerProcess, shell: Shell
    ) -> Execution:
        """Begin a run, and return the execution that reports it.

        Raises:
            OSError: No process can be created.
        """
        if len(self.roots()) >= MAX_RUNS:
            return failure(TOO_MANY)
        nonce = os.urandom(16).hex()
        run = Run(request, self._born(request, nonce, python, shell), nonce, self._limits)
        self._runs[run.name] = run
        run.reported = "running"  # the reply tells the server
        for fd, what in (
            (run.job.out, "out"),
            (run.job.err, "err"),
            (run.job.control.socket.fileno(), "control"),
        ):
            self._arm(fd, run, what)
        return {"status": "running", "runs": [run.facts()]}

    def _born(
        self, request: PythonCall | BashCall, nonce: str, python: WorkerProcess, shell: Shell
    ) -> Job:
        if request["op"] == "bash":
            return start(
                lambda control: shell.become(
                    request["command"], control.socket.fileno() + KEPT_FD_OFFSET
                ),
                keep=[shell.state],
            )
        if self._python_start is None:
            self._python_start = PythonStart()
        asked: BeginRun = {
            "type": "begin_run",
            "nonce": nonce,
            "number": request["id"],
            "code": request["code"],
            "name": self._python_start.name,
        }
        job = self._python_start.begin(python, asked)
        if job.pid in self.roots():
            job.close()
            raise BlockingIOError
        return job

    def known(self) -> list[KnownRun]:
        """Return all runs, for a server that re-attaches; it is told of all later changes."""
        for run in self._runs.values():
            run.refresh()
            run.reported = run.state
        return [{**run.mark, "run": run.facts()} for run in self._runs.values()]

    def answer(self, request: AskRuns) -> None:
        """Answer a request about runs, also while a call is running."""
        try:
            execution = answered(self._runs, request)
        except Exception as exc:  # the running call goes on
            execution = failure(f"{type(exc).__name__}: {exc}")
        self._stream.reply(request, execution)
