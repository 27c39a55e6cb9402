"""A fresh Python for foreign code: started, not forked, so nothing of ours is in its memory."""

from __future__ import annotations

import importlib.util
import marshal
import os
import signal
import socket
import sys
from typing import Any

PACKAGE = "bellglass.sandboxes.runner"

SHIPPED = (
    *(f"{PACKAGE}.{name}" for name in ("frames", "apart", "relay", "relay.packages", "testing")),
    *(
        f"{PACKAGE}.apart.{name}"
        for name in (
            "arrays",
            "borrowing",
            "channel",
            "code_side",
            "coverage",
            "lending",
            "mirror",
            "peer",
            "remote",
            "specials",
            "surroundings",
            "values",
        )
    ),
    *(
        f"{PACKAGE}.testing.{name}"
        for name in ("collecting", "failures", "program", "pytest_events", "together")
    ),
)
"""What the fresh Python has of us."""

BOOT = """
import importlib, importlib.machinery, marshal, socket, sys

class Shipped:
    def __init__(self, modules):
        self.modules = modules

    def find_spec(self, name, path=None, target=None):
        if name in self.modules:
            return importlib.machinery.ModuleSpec(name, self, is_package=self.modules[name][0])

    def create_module(self, spec):
        return None

    def exec_module(self, module):
        exec(marshal.loads(self.modules[module.__name__][1]), module.__dict__)

fd = int(sys.argv.pop())
sock = socket.socket(fileno=fd)
data = bytearray()
size = 4
while len(data) < size:
    data += sock.recv(size - len(data))
    if len(data) == 4:
        size = 4 + int.from_bytes(data, "big")
entry, modules, settings = marshal.loads(data[4:])
sys.argv = [""]
sys.meta_path.insert(0, Shipped(modules))
importlib.import_module(entry).main(sock, settings)
"""


class Child:
    """The process, our end of its socket, and what it writes."""

    def __init__(self, entry: str, settings: dict[str, Any], stdin: int | None = None) -> None:
        """Start it: `entry` is the module of SHIPPED whose main() gets `settings`."""
        ours, theirs = socket.socketpair()
        out, their_out = os.pipe()
        err, their_err = os.pipe()
        try:
            self.pid = os.posix_spawn(
                sys.executable,
                [sys.executable, "-I", "-c", BOOT, "3"],
                dict(os.environ),
                file_actions=[
                    (os.POSIX_SPAWN_DUP2, theirs.fileno(), 3),
                    (os.POSIX_SPAWN_DUP2, stdin, 0)
                    if stdin is not None
                    else (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                    (os.POSIX_SPAWN_DUP2, their_out, 1),
                    (os.POSIX_SPAWN_DUP2, their_err, 2),
                ],
                setsid=True,
                setsigmask=[],
                setsigdef=[signal.SIGINT, signal.SIGPIPE, signal.SIGALRM],
            )
        except OSError:
            for fd in (out, err):
                os.close(fd)
            ours.close()
            raise
        finally:
            for fd in (their_out, their_err):
                os.close(fd)
            theirs.close()
        self.socket, self.out, self.err = ours, out, err
        self._status: int | None = None
        data = marshal.dumps((f"{PACKAGE}.{entry}", _modules(), settings))
        try:
            ours.sendall(len(data).to_bytes(4, "big") + data)
        except OSError:
            pass  # it is gone; that shows when it is asked

    def wait(self) -> int:
        """Wait for its end; return the exit code, or minus the number of the signal."""
        if self._status is None:
            try:
                _, self._status = os.waitpid(self.pid, 0)
            except ChildProcessError:
                self._status = 0
        return os.waitstatus_to_exitcode(self._status)

    def end(self) -> None:
        """Kill it, and close our ends."""
        if self._status is None:
            # Its group as well: what it has started goes with it.
            for kill in (os.killpg, os.kill):
                try:
                    kill(self.pid, signal.SIGKILL)
                except OSError:
                    pass
        self.wait()
        self.socket.close()
        for fd in (self.out, self.err):
            try:
                os.close(fd)
            except OSError:
                pass


_MODULES: dict[str, tuple[bool, bytes]] = {}


def _modules() -> dict[str, tuple[bool, bytes]]:
    """Return the code of our modules by name; parents that are not shipped are empty."""
    if not _MODULES:
        empty = marshal.dumps(compile("", "<bellglass>", "exec"))
        parts = PACKAGE.split(".")
        for depth in range(1, len(parts) + 1):
            _MODULES[".".join(parts[:depth])] = (True, empty)
        for name in SHIPPED:
            spec = importlib.util.find_spec(name)
            assert spec is not None
            loader: Any = spec.loader
            package = spec.submodule_search_locations is not None
            _MODULES[name] = (package, marshal.dumps(loader.get_code(name)))
    return _MODULES


def told(code: int) -> str:
    """Return how a process ended, in words."""
    if code >= 0:
        return f"exit code {code}"
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"signal {-code}"
