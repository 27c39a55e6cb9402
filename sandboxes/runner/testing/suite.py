"""Running tests on a piece of code, in a process of their own, and sending what becomes of each.

The messages, in order: `case` for each case; `collected` with the names of tests; for each of them
by its place in that list `started`, and `test` when it has finished; `problem` if the run as a
whole went wrong; `finished` with the exit status of pytest. Who reads them gives the verdict.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from typing import Any

from bellglass.sandboxes.runner.testing import cases
from bellglass.sandboxes.runner.testing.failures import Explain, Room
from bellglass.sandboxes.runner.testing.pytest_events import Events

ROOM = 2 * 1024**2
"""Bytes of texts in the report: half of what the runner takes, for the rest is names and times."""

Send = Callable[[dict[str, Any]], None]

OPTIONS = (
    "--tb=short",
    "--import-mode=prepend",
    "--capture=fd",
    "--no-header",
    "--no-summary",
    "-p",
    "no:cacheprovider",
    "--color=no",
)


def run(arguments: dict[str, Any], send: Send) -> None:
    """Run the cases, then the tests: those given, or without either those in the code itself."""
    directory = tempfile.mkdtemp(prefix="tests-", dir="/tmp")
    try:
        _run(arguments, directory, _only_here(send))
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _run(arguments: dict[str, Any], directory: str, send: Send) -> None:
    tests = arguments.get("tests")
    _write(directory, "solution.py", arguments["code"])
    # The directories that tests get for their files must not fill the scratch space.
    _write(directory, "pytest.ini", "[pytest]\ntmp_path_retention_policy = none\n")
    if tests is not None:
        _write(directory, "test_solution.py", tests)
    sys.dont_write_bytecode = True
    sys.path.insert(0, directory)
    sys.path.append(os.getcwd())  # modules of the session, after all others
    explain, room = Explain(directory), Room(ROOM)
    if arguments.get("cases"):
        cases.run(arguments["cases"], explain, room, send)
        sys.modules.pop("solution", None)  # what the cases changed, the tests do not see
    status = 0
    if tests is not None or not arguments.get("cases"):
        status = _pytest(
            directory,
            "solution.py" if tests is None else "test_solution.py",
            Events(explain, room, send),
            send,
        )
    send({"finished": status})


def _pytest(directory: str, file: str, events: Events, send: Send) -> int:
    for name in [name for name in os.environ if name.startswith(("PYTEST_", "PY_COLORS"))]:
        del os.environ[name]
    try:
        import pytest
    except ImportError:
        send({"missing": True})
        return 4
    return int(
        pytest.main(
            [
                *OPTIONS,
                f"--rootdir={directory}",
                f"--confcutdir={directory}",
                f"-c{directory}/pytest.ini",
                os.path.join(directory, file),
            ],
            plugins=[events],
        )
    )


def _write(directory: str, name: str, text: str) -> None:
    with open(os.path.join(directory, name), "wb") as file:
        file.write(text.encode("utf-8", "replace"))


def _only_here(send: Send) -> Send:
    """Return `send` for this process: a child that a test forks must not report in its name."""
    here = os.getpid()

    def guarded(message: dict[str, Any]) -> None:
        if os.getpid() != here:
            os._exit(1)
        send(message)

    return guarded
