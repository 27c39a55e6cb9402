"""Processes that multiprocessing spawns find what calls have defined.

A spawned process imports the main module of its program from a file, to find the functions it is
to run. Code of calls has no file: without one, the process dies and the pool starts it anew, for
ever. So one is written: imports, functions, classes and plain values of all calls so far.

And its helpers end with the call that started them, which it does not expect: they start anew, and
are not told of what only those before them knew.
"""

from __future__ import annotations

import ast
import functools
import linecache
import os
import signal
import sys
import warnings
from collections.abc import Iterator
from typing import Any

MAX_CODE_CHARACTERS = 1_000_000
"""Of code that is read for it."""

_DEFINITIONS = (
    *(ast.Import, ast.ImportFrom, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef),
    *(ast.Assign, ast.AnnAssign),
)

_HELPERS = (
    ("resource_tracker", "_resource_tracker", "_pid"),
    ("forkserver", "_forkserver", "_forkserver_pid"),
)

_registered: set[tuple[str, str]] = set()
"""What the tracker that runs now has been told of."""


def prepare(spawn: Any) -> None:
    """Have `multiprocessing.spawn` name such a file where the main module has none."""
    preparation = spawn.get_preparation_data

    @functools.wraps(preparation)
    def with_definitions(name: str) -> dict[str, Any]:
        data: dict[str, Any] = preparation(name)
        if "init_main_from_name" not in data and "init_main_from_path" not in data:
            data["init_main_from_path"] = _written(_source())
        return data

    spawn.get_preparation_data = with_definitions


def restart_server(forkserver: Any) -> None:
    """Have `multiprocessing.forkserver` start its server again that ended with an earlier call."""
    server = forkserver.ForkServer
    ensure_running = server.ensure_running

    @functools.wraps(ensure_running)
    def ensure(self: Any) -> None:
        try:
            ensure_running(self)
        except ChildProcessError:
            os.close(self._forkserver_alive_fd)
            self._forkserver_alive_fd = self._forkserver_address = self._forkserver_pid = None
            ensure_running(self)

    server.ensure_running = ensure
    # Bound when the module was made, before this.
    forkserver.ensure_running = functools.partial(ensure, forkserver._forkserver)


def restart_tracker(resource_tracker: Any) -> None:
    """Let `multiprocessing.resource_tracker` start its process again, without a word of it."""
    warnings.filterwarnings("ignore", message="resource_tracker: process died unexpectedly")
    tracker = resource_tracker._resource_tracker
    register, unregister = tracker.register, tracker.unregister

    def note(name: str, rtype: str) -> None:
        _registered.add((name, rtype))
        register(name, rtype)

    def drop(name: str, rtype: str) -> None:
        # A tracker prints a traceback about a name that it has not heard of.
        if (name, rtype) in _registered:
            _registered.discard((name, rtype))
            unregister(name, rtype)

    resource_tracker.register = tracker.register = note
    resource_tracker.unregister = tracker.unregister = drop


def end_helpers() -> None:
    """End the processes of multiprocessing itself, which the code did not mean to leave running."""
    _registered.clear()
    for module, helper, attribute in _HELPERS:
        owner = getattr(sys.modules.get(f"multiprocessing.{module}"), helper, None)
        pid = getattr(owner, attribute, None)
        if type(pid) is int and pid > 1:
            try:
                os.kill(pid, signal.SIGKILL)
                os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
            except OSError:  # it is not there any more, or not ours
                pass


def _source() -> str:
    """Return a module of the definitions of all calls, of which each may fail by itself."""
    future: list[ast.stmt] = []
    body: list[ast.stmt] = []
    for statement in _statements():
        if isinstance(statement, ast.ImportFrom) and statement.module == "__future__":
            future.append(statement)
        elif isinstance(statement, _DEFINITIONS) and _is_harmless(statement):
            ignore = ast.ExceptHandler(type=ast.Name("Exception"), name=None, body=[ast.Pass()])
            body.append(ast.Try(body=[statement], handlers=[ignore], orelse=[], finalbody=[]))
    module = ast.Module(body=[*future, *body], type_ignores=[])
    return ast.unparse(ast.fix_missing_locations(module))


def _statements() -> Iterator[ast.stmt]:
    left = MAX_CODE_CHARACTERS
    for file, entry in list(linecache.cache.items()):
        if file.startswith("<call ") and len(entry) == 4:
            code = "".join(entry[2])
            left -= len(code)
            if left < 0:
                return
            try:
                yield from ast.parse(code).body
            except (SyntaxError, ValueError, RecursionError, MemoryError):
                continue


def _is_harmless(statement: ast.stmt) -> bool:
    """Tell if a statement defines something, and does nothing: what a call did is done."""
    if not isinstance(statement, (ast.Assign, ast.AnnAssign)):
        return True
    try:
        ast.literal_eval(statement.value or ast.Constant(None))
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return False
    return True


def _written(source: str) -> str:
    """Return a file that has `source`. Its name tells it from that of other definitions."""
    import hashlib
    import tempfile

    digest = hashlib.sha256(source.encode("utf-8", "replace")).hexdigest()[:16]
    path = os.path.join(tempfile.gettempdir(), f".definitions-{digest}.py")
    if not os.path.exists(path):
        with open(f"{path}.{os.getpid()}", "w", encoding="utf-8", errors="replace") as file:
            file.write(source)
        os.replace(file.name, path)
    return path
