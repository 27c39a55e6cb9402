"""The process that runs a session's Python: it keeps the variables between calls.

After each call it forks a checkpoint of itself, which sleeps. If a later call kills the worker,
the checkpoint takes its place, with the variables as they were before that call.
"""

from __future__ import annotations

import ctypes
import gc
import io
import linecache
import os
import platform
import signal
import socket
import sys
import threading
import warnings
from typing import Any, ClassVar

from bellglass.sandboxes.runner import figures
from bellglass.sandboxes.runner.evaluate import Evaluation, Namespace
from bellglass.sandboxes.runner.frames import Packets
from bellglass.sandboxes.runner.job import set_oom_score
from bellglass.sandboxes.runner.processes import resident

LIBC = ctypes.PyDLL(None, use_errno=True)
STDIN, STDOUT, STDERR = 0, 1, 2

REHEARSAL = "<rehearsal>"


class CallStream(io.TextIOWrapper):
    """stdout or stderr of one call. Threads left over from an earlier call are not heard in it."""

    leftover: ClassVar[set[threading.Thread]] = set()
    dropped = 0

    def write(self, text: str, /) -> int:
        if CallStream.leftover and threading.current_thread() in CallStream.leftover:
            CallStream.dropped += len(text)
            return len(text)
        return super().write(text)


def open_stream(fd: int) -> CallStream:
    raw = io.FileIO(fd, "w", closefd=False)
    return CallStream(
        io.BufferedWriter(raw), encoding="utf-8", errors="backslashreplace", line_buffering=True
    )


def usable(stream: CallStream, fd: int) -> CallStream:
    """Return `stream` as it was at first, or another in the place of one that was closed."""
    try:
        stream.reconfigure(
            encoding="utf-8", errors="backslashreplace", line_buffering=True, write_through=False
        )
    except Exception:
        return open_stream(fd)
    return stream


class Worker:
    """Reads requests from the runner, runs them in one namespace, answers each once."""

    def __init__(self, control: Packets, memory_bytes: int) -> None:
        self._control = control
        self._memory_bytes = memory_bytes
        self._namespace = Namespace()
        self._calls = 0
        self._standing_by = False
        # Copies out of reach of a loop that closes the first thousand descriptors.
        top = control.socket.fileno()
        self._out = os.dup2(STDOUT, top + 1, inheritable=False)
        self._err = os.dup2(STDERR, top + 2, inheritable=False)
        self._stdout, self._stderr = open_stream(STDOUT), open_stream(STDERR)
        self._replaced: tuple[object, ...] = ()
        self._home = os.getcwd()
        self._modules = {name: sys.modules[name] for name in ("builtins", "sys")}
        sys.path.insert(0, "")
        sys.argv = [""]
        figures.expect()

    def serve(self) -> None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        while True:
            try:
                request, _ = self._control.receive()
            except EOFError:
                return
            if request is None:
                continue
            if "code" in request:
                self._answer(request)
            elif request.get("checkpoint"):
                if request["swept"]:
                    collect(request["swept"])
                self._checkpoint(request["nonce"])

    def _answer(self, request: dict[str, Any]) -> None:
        # Without this the runner cannot tell a slow call from a request that a thread of the
        # foreign code took from the socket.
        self._control.send({"nonce": request["nonce"], "started": True})
        if self._standing_by:
            self._standing_by = False
            set_oom_score(1000)
        pid = os.getpid()
        result = self._run(request)
        if os.getpid() != pid:
            os._exit(0)  # a child of the foreign code that fell through to here
        message = result.message()
        message["nonce"] = request["nonce"]
        message["background_bytes"] = CallStream.dropped
        self._control.send(message)

    def _run(self, request: dict[str, Any]) -> Evaluation:
        self._calls += 1
        CallStream.dropped = 0
        self._restore()
        file = f"<call {self._calls}>"
        result = Evaluation()
        try:
            try:
                signal.signal(signal.SIGINT, signal.default_int_handler)
                result = self._namespace.evaluate(request["code"], file)
                result.images = self._images()
                self._flush()
            finally:
                signal.signal(signal.SIGINT, signal.SIG_IGN)
        except KeyboardInterrupt:
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            result.status = "error"
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.setitimer(signal.ITIMER_PROF, 0)
        CallStream.leftover = set(threading.enumerate()) - {threading.main_thread()}
        return result

    def _restore(self) -> None:
        """Put back what a call needs and the call before may have broken."""
        main = self._namespace.module
        main.__dict__["__builtins__"] = self._modules["builtins"]
        sys.modules.update(self._modules)
        sys.modules["__main__"] = main
        os.dup2(self._out, STDOUT)
        os.dup2(self._err, STDERR)
        # What was there stays for a while: a thread may be in the middle of a print, and print()
        # of Python 3.11 does not hold the stream that it writes to.
        self._replaced = (*self._replaced[-4:], sys.stdout, sys.stderr)
        sys.stdout = self._stdout = usable(self._stdout, STDOUT)
        sys.stderr = self._stderr = usable(self._stderr, STDERR)
        try:
            os.fstat(STDIN)
        except OSError:
            os.open(os.devnull, os.O_RDONLY)
        sys.stdin = open(STDIN, encoding="utf-8", closefd=False)  # noqa: SIM115 - it stays
        # For type checkers these three are constants.
        names = {"__stdout__": sys.stdout, "__stderr__": sys.stderr, "__stdin__": sys.stdin}
        vars(sys).update(names)
        try:
            os.getcwd()
        except OSError:
            os.chdir(self._home)

    def _images(self) -> list[str]:
        try:
            return figures.drawn()
        except Exception:  # of a module that only has the name of pyplot
            return []

    def _flush(self) -> None:
        for stream in (sys.stdout, sys.stderr):
            try:
                stream.flush()
            except Exception:
                pass
        LIBC.fflush(None)  # what C code printed

    def _checkpoint(self, nonce: str) -> None:
        """Fork a sleeping copy and tell the runner; in the copy, return when it is needed."""
        message: dict[str, Any] = {"nonce": nonce, "idle": True, "checkpoint": 0}
        # The copy shares its pages until they are written to; two full ones must fit.
        if resident(os.getpid()) * 2 > self._memory_bytes:
            self._control.send(message)
            return
        ours, theirs = Packets.pair()
        try:
            pid = fork_sibling()
        except OSError:
            pid = -1
        if pid == 0:
            self._stand_by(ours, theirs)
            return
        theirs.close()
        self._rehearse()
        try:
            if pid > 0:
                self._control.send({**message, "checkpoint": pid}, (ours.fileno(),))
                return
        except OSError:
            pass  # ETOOMANYREFS: the kernel counts descriptors on their way over all sessions
        finally:
            ours.close()  # a copy that nobody has the other end of is gone with this
        self._control.send(message)

    def _rehearse(self) -> None:
        """Run next to nothing, as a call would be run.

        Since the fork each page costs a fault and a copy when it is first written to. These are
        most of what the next call will write to, and now nobody waits.
        """
        self._restore()
        Namespace().evaluate("0", REHEARSAL)
        linecache.cache.pop(REHEARSAL, None)

    def _stand_by(self, ours: socket.socket, theirs: socket.socket) -> None:
        """Be the checkpoint: take over the place of the control socket, and go on serving."""
        ours.close()
        top = self._control.socket.fileno()
        os.dup2(theirs.fileno(), top, inheritable=False)
        theirs.close()
        CallStream.leftover = set()
        # Out of memory, the kernel shall take the worker and leave the copy.
        set_oom_score(900)
        self._standing_by = True


def collect(pids: list[int]) -> None:
    """Wait for children that the runner has killed: unwaited they count against the limit.

    Those that a Popen stands for are waited for through it, so that it knows how they ended.
    """
    subprocess = sys.modules.get("subprocess")
    if subprocess is not None:
        for thing in gc.get_objects():
            if type(thing) is subprocess.Popen and thing.pid in pids:
                thing.poll()
    for pid in pids:
        try:
            os.waitpid(pid, os.WNOHANG)
        except ChildProcessError:
            pass  # another's child, or collected above


def fork_sibling() -> int:
    """Fork a child of our parent, so that foreign code that waits for its children meets none.

    Raises:
        OSError: The process limit is reached.
    """
    address = ctypes.c_ulong()
    known = LIBC.prctl(PR_GET_TID_ADDRESS, ctypes.byref(address), 0, 0, 0) == 0
    number = CLONE.get(platform.machine())
    if not known or number is None or threading.active_count() > 1:
        return _fork_twice()
    # What glibc's fork does, but for the parent, and for its handlers around the locks of malloc,
    # which no other thread can hold because there is none.
    flags = CLONE_PARENT | CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID | signal.SIGCHLD
    tid = ctypes.c_ulong(address.value)
    none = ctypes.c_ulong(0)
    # The last two arguments, tls and child_tid, are in the other order on aarch64.
    rest = (none, tid) if platform.machine() == "aarch64" else (tid, none)
    ctypes.pythonapi.PyOS_BeforeFork()
    pid: int = LIBC.syscall(ctypes.c_long(number), ctypes.c_ulong(flags), none, none, *rest)
    if pid == 0:
        ctypes.pythonapi.PyOS_AfterFork_Child()
    else:
        ctypes.pythonapi.PyOS_AfterFork_Parent()
    return pid


def _fork_twice() -> int:
    """The same with two forks, for a process with threads: the first child is gone at once."""
    reader, writer = os.pipe()
    with warnings.catch_warnings():
        # From 3.12 on: fork() in a process with threads. That is why there are two of them.
        warnings.simplefilter("ignore")
        first = os.fork()
    if first == 0:
        second = -1
        try:
            second = os.fork()
        except OSError:
            pass
        if second == 0:
            os.close(reader)
            os.close(writer)
            return 0
        if second > 0:
            # Before anybody knows of it and stops it: gVisor hangs up on a whole process group
            # in which one is stopped, whenever another one of it ends.
            os.setpgid(second, second)
        os.write(writer, str(second).encode())
        os._exit(0)
    os.close(writer)
    os.waitpid(first, 0)
    pid = int(os.read(reader, 20) or b"-1")
    os.close(reader)
    return pid


PR_GET_TID_ADDRESS = 40  # include/uapi/linux/prctl.h
CLONE_PARENT = 0x8000  # include/uapi/linux/sched.h, as the next two
CLONE_CHILD_CLEARTID = 0x200000
CLONE_CHILD_SETTID = 0x1000000
CLONE = {"x86_64": 56, "aarch64": 220}  # arch/x86/entry/syscalls, include/uapi/asm-generic
