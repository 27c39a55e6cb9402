"""The calls of a session: what each operation runs, and the execution that answers it."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from bellglass.sandboxes.common.jobs import Job as JobKind
from bellglass.sandboxes.common.process import KEPT_FD_OFFSET
from bellglass.sandboxes.supervisor import jobs, processes
from bellglass.sandboxes.supervisor.accounting.files import FileCounter
from bellglass.sandboxes.supervisor.accounting.group_counters import GroupCounters
from bellglass.sandboxes.supervisor.accounting.usage import Usage
from bellglass.sandboxes.supervisor.background.runs import Runs
from bellglass.sandboxes.supervisor.calls.call import Call
from bellglass.sandboxes.supervisor.calls.process_reaper import ProcessReaper
from bellglass.sandboxes.supervisor.capture import KeptFiles
from bellglass.sandboxes.supervisor.fd_poller import FdPoller
from bellglass.sandboxes.supervisor.job import Job, start
from bellglass.sandboxes.supervisor.relay.relay import Relay
from bellglass.sandboxes.supervisor.report.execution_report import execution_report, failure
from bellglass.sandboxes.supervisor.server_stream import ServerStream
from bellglass.sandboxes.supervisor.shell import Shell
from bellglass.sandboxes.supervisor.timeline import Timeline
from bellglass.sandboxes.supervisor.worker_process import WorkerProcess
from bellglass.sandboxes.supervisor.workspace_changes import Changes
from bellglass.sandboxes.wire.packets import Packets

if TYPE_CHECKING:
    from bellglass.sandboxes.common.lent_copies import LentCopy
    from bellglass.sandboxes.wire.schema.basics import VariableState
    from bellglass.sandboxes.wire.schema.execution import Execution, FileChanges
    from bellglass.sandboxes.wire.schema.requests import BashCall, JobCall, PythonCall
    from bellglass.sandboxes.wire.schema.requests import Call as CallRequest

HELD = (
    "Background runs of the session stood still while the tests ran, so that they could not change "
    "the result; they go on now. If the tests need one of them, such as a server, start it in a "
    "fixture, or run the tests by execute_bash with python -m pytest."
)

UNRESPONSIVE = "Python was restarted before this call, because its process did not respond."

NOT_BEGUN = (
    "The background run was not started: the process that should run it did not answer. "
    "Run the code without background, or in a new session."
)


class Calls:
    """Executes requests, one at a time."""

    def __init__(
        self,
        stream: ServerStream,
        limits: dict[str, int],
        group: GroupCounters,
        *,
        wakeup: int,
        poller: FdPoller,
        relay: Relay,
        python: WorkerProcess,
        runs: Runs,
        reaper: ProcessReaper,
        copies: Sequence[LentCopy] = (),
    ) -> None:
        """`wakeup` becomes readable when a child ends."""
        self.changed = True
        """Whether the last call may have left other variables than the checkpoint holds."""
        self._stream = stream
        self._limits = limits
        self._group = group
        self._wakeup = wakeup
        self._poller = poller
        self._relay = relay
        self._python = python
        self._shell = Shell()
        self._runs = runs
        self._reaper = reaper
        self._files = FileCounter(limits["files"])
        self._output = KeptFiles()
        self._changes = Changes(os.getcwd(), copies)
        self._abandoned: VariableState = "kept"
        """What became of the variables when a call was abandoned."""

    def adopt(self, environment: dict[str, str]) -> None:
        """Give Python and bash the session's own environment, before the first call."""
        self._shell = Shell(environment)
        self._python.adopt(environment)
        self._reaper.start_anew()

    def execute(self, request: CallRequest) -> Execution:
        """Return the execution that answers `request`, also after an error of ours."""
        timeline = Timeline(wanted=request.get("trace", False))
        try:
            execution = self._execute(request, timeline)
            if timeline.events:
                execution["timeline"] = timeline.events
            return execution
        except Exception as exc:  # process 1 goes on, whatever one request does to it
            reason = f"{type(exc).__name__}: {exc}"
            if isinstance(exc, BlockingIOError):
                reason = "No process could be started: the session is at its limit of processes."
            self.changed = True
            state, self._abandoned = self._abandoned, "kept"
            return {**failure(reason), "state": state}

    def _execute(self, request: CallRequest, timeline: Timeline) -> Execution:
        notices = self._python.wake(self._wakeup)
        timeline.mark("ready to run")
        background = self._python.drop_background()
        if request["op"] != "job" and "run" in request:
            self.changed = False
            begun = self._begin(request)
            return {**begun, "notices": [*notices, *begun.get("notices", [])]}
        kind = jobs.find(request["job"]) if request["op"] == "job" else None
        if kind is None:
            self._changes.expect()
        call = self._run(request, kind)
        timeline.mark("ended")
        if self._reaper.sweep(call.wall_seconds()):
            call.output.drain()
        timeline.mark("processes ended")
        if kind is not None and kind.clean_up is not None:
            kind.clean_up()
        reported = self._report(call)
        timeline.mark("output reported")
        answer = call.output.answer
        state = self._python.after(answer, asked=call.persistent)
        undone = self._python.age.undone_calls if state == "restored" else 0
        if undone:
            notices.append(self._python.age.told(state))
        timeline.mark("checkpoint settled")
        if not call.shell_kept and state == "kept":
            state = "restored"
        changed = answer is None or answer["changed"]
        self.changed = state != "kept" or (call.persistent and changed)
        if not call.persistent:
            call.job.close()
        changes: FileChanges = {}
        if kind is None and changed:
            changes = self._changes.report()
        elif kind is not None and kind.writes:
            self._changes.forget()
        timeline.mark("files compared")
        return {
            **reported,
            **changes,
            "notices": [*notices, *reported["notices"]],
            "background_bytes": background + reported["background_bytes"],
            "killed_processes": len(self._reaper.killed),
            "state": state,
            "undone_calls": undone,
            "report": call.output.report,
        }

    # --- by operation

    def _begin(self, request: PythonCall | BashCall) -> Execution:
        try:
            return self._runs.begin(request, self._python, self._shell)
        except (TimeoutError, ConnectionError):
            pass
        # The checkpoint has no threads that could get in the way, as if a call had not begun.
        self._python.end()
        state = self._python.restore()
        try:
            begun = self._runs.begin(request, self._python, self._shell)
        except (TimeoutError, ConnectionError):
            begun = failure(NOT_BEGUN)
        told = f"{UNRESPONSIVE} {self._python.age.told(state)}"
        return {**begun, "state": state, "notices": [told]}

    def _run(self, request: CallRequest, kind: JobKind | None) -> Call:
        if request["op"] == "python":
            return self._run_python(request)
        if request["op"] == "bash":
            call = self._supervise(request, self._shell.start(request["command"]))
            call.shell_kept = self._shell.finish()
            return call
        if kind is None:
            raise ValueError(f"there is no job {request['job']!r}")
        return self._run_kind(request, kind)

    def _run_kind(self, request: JobCall, kind: JobKind) -> Call:
        arguments = request["arguments"]
        if not kind.in_shell:
            return self._run_job(request, lambda control: kind.run(arguments, control.send))

        def run(control: Packets) -> None:
            # In the job the state of the shell has another descriptor.
            shell = self._shell.for_job(control.socket.fileno() + KEPT_FD_OFFSET)
            kind.run(arguments, control.send, shell)

        with self._alone() as notices:
            call = self._run_job(request, run, [self._shell.state])
        call.notices.extend(notices)
        return call

    def _run_job(
        self, request: JobCall, main: Callable[[Packets], None], keep: Sequence[int] = ()
    ) -> Call:
        return self._supervise(request, start(main, keep, is_ours=True))

    @contextmanager
    def _alone(self) -> Generator[list[str]]:
        """Stop the session's other processes: they could change what is tested.

        Yields a list for the notices about that.
        """
        self._python.stop()
        try:
            with self._runs.standstill.hold() as any_runs:
                yield [HELD] if any_runs else []
        finally:
            self._python.go_on()

    def _run_python(self, request: PythonCall) -> Call:
        call = self._ask(request)
        if call.never_began:
            # A thread of the foreign code took the request, or holds the interpreter lock: the
            # checkpoint has no threads. Or the process was dying. Nothing of this call has run.
            self._python.end()
            state = self._python.restore()
            call = self._ask(request)
            call.notices.append(f"{UNRESPONSIVE} {self._python.age.told(state)}")
        return call

    def _ask(self, request: PythonCall) -> Call:
        nonce = os.urandom(16).hex()
        self._python.ask(nonce, request["id"], request["code"])
        return self._supervise(request, self._python.worker, nonce, persistent=True)

    def _supervise(
        self, request: CallRequest, job: Job, nonce: str = "", *, persistent: bool = False
    ) -> Call:
        """`nonce` is what the worker, which is `persistent`, repeats in its messages."""
        checkpoint = self._python.checkpoint
        self._reaper.job = job
        call = Call(
            request,
            job,
            nonce=nonce,
            persistent=persistent,
            limits=self._limits,
            usage=Usage(
                job.pid,
                self._limits,
                self._python.pids(),
                checkpoint.pid if checkpoint is not None else 0,
                self._runs,
                self._group,
                self._files,
                newest=self._reaper.newest if persistent else job.pid,
            ),
            stream=self._stream,
            relay=self._relay,
            poller=self._poller,
            wakeup=self._wakeup,
            on_ended=self._reaper.note_ended,
            runs=self._runs,
            begin_seconds=self._python.patience,
        )
        try:
            call.run()
        except Exception:
            self._abandon(job, persistent=persistent)
            raise
        return call

    def _abandon(self, job: Job, *, persistent: bool) -> None:
        """End a job that is no longer supervised, because its supervision failed."""
        if persistent:
            self._abandoned = self._python.after(None, asked=True)
        else:
            processes.send_signal(job.pid, signal.SIGKILL)
            job.close()

    # --- results

    def _report(self, call: Call) -> Execution:
        output = call.output
        out, err = (capture.report() for capture in output.captures)
        self._output.keep(output.captures, output.shown.files)
        return execution_report(
            op=call.request["op"],
            outcome=call.outcome(),
            answer=output.answer,
            displays=output.shown.report(output.captures[0]),
            outputs=(out, err),
            exit_code=call.job.exit_code,
            wall_seconds=call.wall_seconds(),
            cpu_seconds=call.usage.cpu_seconds(self._reaper.newest),
            peak=call.usage.peak,
            notices=call.notices,
        )
