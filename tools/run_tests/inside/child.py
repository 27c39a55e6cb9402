"""A fresh Python of the session for foreign code, without any data of ours in its memory."""

from __future__ import annotations

import importlib.util
import marshal
import math
import os
import select
import signal
import socket
import time
from collections.abc import Iterator
from typing import Any

from bellglass.sandboxes.common.jobs import OLD_STATE_FD, JobShell
from bellglass.sandboxes.common.process import DEFAULT_SIGNALS

PACKAGE = "bellglass.tools.run_tests.inside"

SHIPPED = (
    *(f"{PACKAGE}.{name}" for name in ("calling", "events", "failures", "foul_play")),
    *(f"{PACKAGE}.{name}" for name in ("lent_project", "lines", "measuring", "plain_pytest")),
    "bellglass.sandboxes.common.values",
)
"""The modules of ours in the fresh Python, until it has imported what it needs of them."""

PYTHON = "python3"
"""The name is looked up by the session's shell, so an active virtual environment counts."""

SOCKET_FD, PROGRAM_FD = 3, 4

BOOT = """
import importlib, importlib.machinery, marshal, sys

class Shipped:
    def __init__(self, modules):
        self.modules = modules

    def find_spec(self, name, path=None, target=None):
        if name in self.modules:
            return importlib.machinery.ModuleSpec(name, self, is_package=self.modules[name][0])

    def create_module(self, spec):
        return None

    def exec_module(self, module):
        code = self.modules[module.__name__][1]
        if type(code) is str:
            code = compile(code, "<bellglass>", "exec")
        else:
            code = marshal.loads(code)
        exec(code, module.__dict__)

def start():
    with open(int(sys.argv[2]), "rb") as file:
        entry, modules, settings = marshal.loads(file.read())
    fd = int(sys.argv[1])
    sys.argv = [""]
    shipped = Shipped(modules)

    def forget():
        sys.meta_path.remove(shipped)
        for name in modules:
            sys.modules.pop(name, None)

    sys.meta_path.insert(0, shipped)
    importlib.import_module(entry).main(fd, settings, forget)

start()
"""


class Child:
    """The process, our end of its socket, and the pipes for its output."""

    def __init__(self, shell: JobShell, argv: list[str], *, stdin: int | None = None) -> None:
        """Start `argv` in the working directory, as a command of `shell`."""
        self.status: int | None = None
        """The exit code, or minus the number of the signal, once it has ended."""
        self.socket, theirs = socket.socketpair()
        reader, self._program = os.pipe()
        self.out, their_out = os.pipe()
        self.err, their_err = os.pipe()
        program, environment = shell.program(argv, os.getcwd())
        try:
            self.pid = os.posix_spawnp(
                program[0],
                program,
                environment,
                file_actions=[
                    (os.POSIX_SPAWN_DUP2, stdin, 0)
                    if stdin is not None
                    else (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                    (os.POSIX_SPAWN_DUP2, their_out, 1),
                    (os.POSIX_SPAWN_DUP2, their_err, 2),
                    (os.POSIX_SPAWN_DUP2, shell.state, OLD_STATE_FD),
                    (os.POSIX_SPAWN_DUP2, theirs.fileno(), SOCKET_FD),
                    (os.POSIX_SPAWN_DUP2, reader, PROGRAM_FD),
                ],
                setsid=True,
                setsigmask=[],
                setsigdef=[*DEFAULT_SIGNALS, signal.SIGPIPE],
            )
        except OSError:
            self._close()
            raise
        finally:
            for fd in (reader, their_out, their_err):
                os.close(fd)
            theirs.close()

    def ended(self, seconds: float = 0.0) -> bool:
        """Tell if it has ended, after waiting for up to `seconds`."""
        deadline = time.monotonic() + seconds
        while self.status is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.status = os.waitstatus_to_exitcode(status)
            elif time.monotonic() >= deadline:
                return False
            else:
                time.sleep(0.002)
        return True

    def received(self, seconds: float | None) -> Iterator[tuple[int, bytes]]:
        """Yield what it sends and prints, each with its descriptor; b"" at the end of each.

        Raises:
            TimeoutError: Something is open after `seconds`.
        """
        deadline = math.inf if seconds is None else time.monotonic() + seconds
        fds = [self.socket.fileno(), self.out, self.err]
        while fds:
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError
            for fd in select.select(fds, [], [], None if seconds is None else left)[0]:
                data = read(fd)
                if not data:
                    fds.remove(fd)
                yield fd, data

    def interrupt(self, number: int) -> None:
        if self.status is None:
            os.kill(self.pid, number)

    def end(self) -> None:
        """Kill it and its group, and close our ends."""
        if self.status is None:
            for kill in (os.killpg, os.kill):
                try:
                    kill(self.pid, signal.SIGKILL)
                except OSError:
                    pass
            _, status = os.waitpid(self.pid, 0)
            self.status = os.waitstatus_to_exitcode(status)
        self._close()

    def _close(self) -> None:
        self.socket.close()
        for fd in (self.out, self.err, self._program):
            if fd >= 0:
                os.close(fd)
        self.out = self.err = self._program = -1

    def send_program(self, data: bytes) -> None:
        with open(self._program, "wb") as file:
            self._program = -1
            try:
                file.write(data)
                file.flush()
            except OSError:
                pass  # it has ended, which shows when it is asked


def read(fd: int) -> bytes:
    """Return what there is to read; b"" at the end, however the other side has ended."""
    try:
        return os.read(fd, 1 << 16)
    except OSError:
        return b""


def start_ours(
    shell: JobShell, entry: str, settings: dict[str, Any], python: str | None = None
) -> Child:
    """Start a Python that runs `main(fd, settings)` of our module `entry`, one of SHIPPED.

    `python`: that of a project, which may be of another version and gets our source.
    """
    child = Child(shell, [python or PYTHON, "-c", BOOT, str(SOCKET_FD), str(PROGRAM_FD)])
    modules = _MODULES if python is None else _sources()
    child.send_program(marshal.dumps((f"{PACKAGE}.{entry}", modules, settings), 4))
    return child


def _sources() -> dict[str, tuple[bool, str]]:
    """Return the source of our modules by name."""
    modules: dict[str, tuple[bool, str]] = {}
    for name in _MODULES:
        source = ""
        if name in SHIPPED:
            loader: Any = importlib.util.find_spec(name).loader  # type: ignore[union-attr]
            source = loader.get_source(name)
        modules[name] = (_MODULES[name][0], source)
    return modules


def _marshalled() -> dict[str, tuple[bool, bytes]]:
    """Return the code of our modules by name; parent packages are empty."""
    empty = marshal.dumps(compile("", "<bellglass>", "exec"))
    modules: dict[str, tuple[bool, bytes]] = {}
    for name in SHIPPED:
        parts = name.split(".")
        modules.update({".".join(parts[:depth]): (True, empty) for depth in range(1, len(parts))})
        spec = importlib.util.find_spec(name)
        assert spec is not None
        loader: Any = spec.loader
        modules[name] = (False, marshal.dumps(loader.get_code(name)))
    return modules


_MODULES = _marshalled()
"""Made at import and not in each job, because it takes 7 ms."""


def told(child: Child) -> str:
    """Return how a process ended, in words."""
    if child.status is None:
        return "it cut itself off"
    if child.status >= 0:
        return f"exit code {child.status}"
    try:
        return signal.Signals(-child.status).name
    except ValueError:
        return f"signal {-child.status}"
