"""A main module for processes that multiprocessing spawns, with the definitions of all calls.

A spawned process imports the main module of its program from a file, to find the functions to run.
Code of calls has no file: without one, the process dies and the pool starts it again, forever. So a
file is written with the imports, functions, classes and plain values of all calls so far.

The helper processes of multiprocessing end with the call that started them, which it does not
expect: they are started again, and not given names that only the earlier ones knew.
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
"""Characters of code that are read for it."""

_DEFINITIONS = (
    *(ast.Import, ast.ImportFrom, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef),
    *(ast.Assign, ast.AnnAssign),
)

_HELPERS = (
    ("resource_tracker", "_resource_tracker", "_pid"),
    ("forkserver", "_forkserver", "_forkserver_pid"),
)

_registered: set[tuple[str, str]] = set()
"""The names that the running tracker knows."""


def prepare(spawn: Any) -> None:
    """Have `multiprocessing.spawn` use such a file if the main module has none."""
    preparation = spawn.get_preparation_data

    @functools.wraps(preparation)
    def with_definitions(name: str) -> dict[str, Any]:
        data: dict[str, Any] = preparation(name)
        if "init_main_from_name" not in data and "init_main_from_path" not in data:
            data["init_main_from_path"] = _written(_source())
        return data

    spawn.get_preparation_data = with_definitions


def restart_server(forkserver: Any) -> None:
    """Have `multiprocessing.forkserver` restart a server that ended with an earlier call."""
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
    # The module bound the method when it was imported.
    forkserver.ensure_running = functools.partial(ensure, forkserver._forkserver)


def restart_tracker(resource_tracker: Any) -> None:
    """Let `multiprocessing.resource_tracker` restart its process without a warning."""
    warnings.filterwarnings("ignore", message="resource_tracker: process died unexpectedly")
    tracker = resource_tracker._resource_tracker
    register, unregister = tracker.register, tracker.unregister

    def note(name: str, rtype: str) -> None:
        _registered.add((name, rtype))
        register(name, rtype)

    def drop(name: str, rtype: str) -> None:
        # A tracker prints a traceback for a name that it does not know.
        if (name, rtype) in _registered:
            _registered.discard((name, rtype))
            unregister(name, rtype)

    resource_tracker.register = tracker.register = note
    resource_tracker.unregister = tracker.unregister = drop


def end_helpers() -> None:
    """End the helper processes of multiprocessing, which no code meant to leave running."""
    _registered.clear()
    for module, helper, attribute in _HELPERS:
        owner = getattr(sys.modules.get(f"multiprocessing.{module}"), helper, None)
        pid = getattr(owner, attribute, None)
        if type(pid) is int and pid > 1:
            try:
                os.kill(pid, signal.SIGKILL)
                os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
            except OSError:  # it has ended, or is no child of ours
                pass


def _source() -> str:
    """Return a module with the definitions of all calls; each of them may fail on its own."""
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
    """Tell if a statement only defines something: effects of a call must not be repeated."""
    if not isinstance(statement, (ast.Assign, ast.AnnAssign)):
        return True
    try:
        ast.literal_eval(statement.value or ast.Constant(None))
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return False
    return True


def _written(source: str) -> str:
    """Write `source` to a file named after its contents; return its path."""
    import hashlib
    import tempfile

    digest = hashlib.sha256(source.encode("utf-8", "replace")).hexdigest()[:16]
    path = os.path.join(tempfile.gettempdir(), f".definitions-{digest}.py")
    if not os.path.exists(path):
        with open(f"{path}.{os.getpid()}", "w", encoding="utf-8", errors="replace") as file:
            file.write(source)
        os.replace(file.name, path)
    return path
