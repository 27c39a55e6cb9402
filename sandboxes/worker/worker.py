"""The worker: the process that runs a session's Python and keeps its variables between calls.

After each call it forks a checkpoint of itself, which sleeps. If a later call kills the worker,
the checkpoint takes its place, with the variables as they were before that call.
"""

from __future__ import annotations

import builtins
import ctypes
import linecache
import os
import signal
import sys
import threading
from importlib import import_module
from typing import TYPE_CHECKING, Any, cast

from bellglass.sandboxes.common import late_packages, packages, process
from bellglass.sandboxes.wire.packets import Packets, discard_waiting
from bellglass.sandboxes.worker import background_child
from bellglass.sandboxes.worker.display import library_hooks
from bellglass.sandboxes.worker.display.display_channel import DisplayChannel
from bellglass.sandboxes.worker.display.renderer import Renderer
from bellglass.sandboxes.worker.evaluate import Evaluation, Namespace
from bellglass.sandboxes.worker.forking import collect, fork_sibling, fork_twice
from bellglass.sandboxes.worker.spawning import end_helpers
from bellglass.sandboxes.worker.streams import CallStream, is_current_call, open_stream, restored

if TYPE_CHECKING:
    from bellglass.sandboxes.wire.schema.packets import (
        Answer,
        BeginRun,
        Rested,
        RunBegun,
        RunCode,
        Started,
        ToWorker,
    )

LIBC = ctypes.PyDLL(None, use_errno=True)
STDIN, STDOUT, STDERR = 0, 1, 2

PREFAULT = "<rehearsal>"


class Worker:
    """Reads requests from the supervisor, runs them in one namespace, answers each once."""

    def __init__(
        self, control: Packets, limits: dict[str, int], environment: dict[str, str] | None = None
    ) -> None:
        if environment:
            packages.use(environment)
        self._installs = bool(environment)
        self._control = control
        self._memory_bytes = limits["memory_bytes"]
        self._channel = DisplayChannel(control, self._flush, is_current_call)
        self._renderer = Renderer(self._channel, limits["output_file_bytes"])
        self._namespace = Namespace(self._renderer.as_value, self._make_shell)
        self._calls = 0
        self._is_checkpoint = False
        self._interrupted = False
        """Whether an interrupt came before the code of the call began."""
        self._is_run = False
        """Whether this is a background run, whose threads may go on and print."""
        # Duplicates above the range that a loop over the first thousand descriptors closes.
        top = control.socket.fileno()
        self._spares = [
            top + process.KEPT_FD_OFFSET + number for number in range(process.SPARE_SOCKETS)
        ]
        self._out = os.dup2(STDOUT, top + 1, inheritable=False)
        self._err = os.dup2(STDERR, top + 2, inheritable=False)
        self._stdout, self._stderr = open_stream(STDOUT), open_stream(STDERR)
        self._replaced: tuple[object, ...] = ()
        self._home = os.getcwd()
        self._modules = {name: sys.modules[name] for name in ("builtins", "sys")}
        sys.path.insert(0, "")
        sys.argv = [""]
        vars(builtins)["display"] = self._display
        library_hooks.install(
            self._renderer.display, self._show_figures, self._namespace.open_shell
        )

    def serve(self) -> None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        while True:
            try:
                request = cast("ToWorker | None", self._control.receive())
            except EOFError:
                return
            if request is None:
                continue
            if request["type"] == "code":
                self._answer(request)
            elif request["type"] == "begin_run":
                self._begin_run(request)
            elif request["type"] == "checkpoint":
                if request["killed"]:
                    collect(request["killed"])
                self._checkpoint(request["nonce"], self._spares[request["slot"]])

    def _answer(self, request: RunCode | BeginRun) -> None:
        # Without this the supervisor cannot tell a slow call from a request that a thread of the
        # foreign code took from the socket. From here on it may interrupt the call.
        self._interrupted = False
        signal.signal(signal.SIGINT, self._note_interrupt)
        started: Started = {"type": "started", "nonce": request["nonce"]}
        self._control.send(started)
        if self._is_checkpoint:
            self._is_checkpoint = False
            process.set_oom_score(1000)
        pid = os.getpid()
        result = self._run(request)
        if os.getpid() != pid:
            os._exit(0)  # a child that the foreign code forked, and that returned to here
        answer: Answer = {
            "type": "answer",
            "nonce": request["nonce"],
            "status": result.status,
            "exit_code": result.exit_code,
            "value": result.value,
            "error": result.error,
            "changed": result.changed,
            "background_bytes": CallStream.dropped,
        }
        self._control.send(answer)

    def _note_interrupt(self, *_: Any) -> None:
        self._interrupted = True

    def _run(self, request: RunCode | BeginRun) -> Evaluation:
        self._calls += 1
        CallStream.dropped = 0
        self._restore()
        late_packages.find()
        if self._installs:
            packages.find()
        file = f"<call {self._calls}>"
        self._renderer.begin(request["number"])
        self._channel.begin(request["nonce"])
        result = Evaluation()
        try:
            try:
                signal.signal(signal.SIGINT, signal.default_int_handler)
                if self._interrupted:
                    raise KeyboardInterrupt
                result = self._namespace.evaluate(request["code"], file)
                if result.error is None or result.error["name"] != "KeyboardInterrupt":
                    # Without an alarm there is no time limit, so figures stay open.
                    self._show_figures()
                self._flush()
            finally:
                signal.signal(signal.SIGINT, signal.SIG_IGN)
        except KeyboardInterrupt:
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            result.status = "error"
        self._channel.end()
        if not self._is_run:
            end_helpers()
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.setitimer(signal.ITIMER_PROF, 0)
        if not self._is_run:
            CallStream.leftover = set(threading.enumerate()) - {threading.main_thread()}
        return result

    def _restore(self) -> None:
        """Restore what a call needs and the last call may have broken."""
        main = self._namespace.module
        main.__dict__["__builtins__"] = self._modules["builtins"]
        sys.modules.update(self._modules)
        sys.modules["__main__"] = main
        os.dup2(self._out, STDOUT)
        os.dup2(self._err, STDERR)
        # A reference is kept for a while: a thread may be inside a print, and print() of
        # Python 3.11 does not hold the stream that it writes to.
        self._replaced = (*self._replaced[-4:], sys.stdout, sys.stderr)
        sys.stdout = self._stdout = restored(self._stdout, STDOUT)
        sys.stderr = self._stderr = restored(self._stderr, STDERR)
        try:
            os.fstat(STDIN)
        except OSError:
            os.open(os.devnull, os.O_RDONLY)
        sys.stdin = open(STDIN, encoding="utf-8", closefd=False)  # noqa: SIM115 - it stays open
        # For type checkers these three are constants.
        names = {"__stdout__": sys.stdout, "__stderr__": sys.stderr, "__stdin__": sys.stdin}
        vars(sys).update(names)
        try:
            os.getcwd()
        except OSError:
            os.chdir(self._home)

    def _show_figures(self) -> None:
        if "matplotlib.pyplot" in sys.modules:
            try:
                self._renderer.open_figures()
            except Exception:  # another module may have the name of pyplot
                pass

    def _display(self, *objects: Any, **options: Any) -> Any:
        """Show objects; this is `display` until IPython brings its own."""
        if options and self._namespace.open_shell():
            return vars(builtins)["display"](*objects, **options)
        self._renderer.display(*objects, **options)
        return None

    def _make_shell(self, namespace: Namespace) -> Any:
        import_module("IPython")  # first: importing it has the shell made, see library_hooks.py
        from bellglass.sandboxes.worker.notebook.shell import Shell

        if Shell.initialized():
            return Shell.instance()
        return Shell.instance(namespace.module, self._renderer, namespace.run_in_loop)

    def _flush(self) -> None:
        for stream in (self._stdout, self._stderr, sys.stdout, sys.stderr):
            try:
                stream.flush()
            except Exception:
                pass
        LIBC.fflush(None)  # output of C code

    def _checkpoint(self, nonce: str, spare: int) -> None:
        """Fork a checkpoint and tell the supervisor; in the checkpoint, return when it is needed.

        `spare` is the socket through which the supervisor will talk to it.
        """
        rested: Rested = {"type": "rested", "nonce": nonce, "checkpoint": 0}
        # It shares the worker's pages until they are written to; two full copies must fit.
        if process.resident_bytes() * 2 > self._memory_bytes:
            self._control.send(rested)
            return
        discard_waiting(spare)  # requests to an earlier checkpoint, which is dead
        try:
            pid = fork_sibling()
        except OSError:
            pid = -1
        if pid == 0:
            self._become_checkpoint(spare)
            return
        self._prefault_pages()
        rested["checkpoint"] = max(0, pid)
        self._control.send(rested)

    def _prefault_pages(self) -> None:
        """Run an empty call.

        After the fork, the first write to each page costs a fault and a copy. This touches most of
        the pages that the next call will write to, while nobody waits.
        """
        self._restore()
        Namespace(repr).evaluate("0", PREFAULT)
        linecache.cache.pop(PREFAULT, None)

    def _begin_run(self, request: BeginRun) -> None:
        """Fork a background run of the code in `request`; tell the supervisor its pid."""
        try:
            pid = fork_twice()
        except OSError:
            pid = -1
        if pid == 0:
            self._is_run = True
            self._is_checkpoint = False
            CallStream.leftover = set()
            self._namespace.leave_loop()
            self._channel.lasting = True
            for fd in self._spares:
                os.close(fd)
            try:
                background_child.connect(request, self._control, (self._out, self._err))
            except (OSError, EOFError):
                os._exit(1)
            self._answer(request)
            background_child.wait_for_descendants()
            os._exit(0)
        begun: RunBegun = {"type": "run_begun", "nonce": request["nonce"], "pid": pid}
        self._control.send(begun)

    def _become_checkpoint(self, spare: int) -> None:
        """Become the checkpoint: swap the spare socket and the control socket."""
        top = self._control.socket.fileno()
        control = os.dup(top)
        os.dup2(spare, top, inheritable=False)
        os.dup2(control, spare, inheritable=False)
        os.close(control)
        self._control.forget()
        CallStream.leftover = set()
        # When memory runs out, the kernel must kill the worker and leave the checkpoint.
        process.set_oom_score(900)
        self._is_checkpoint = True


def main(control: Packets, limits: dict[str, int], environment: dict[str, str]) -> None:
    """Run the worker of a session, in a process that the supervisor has forked."""
    Worker(control, limits, environment).serve()
