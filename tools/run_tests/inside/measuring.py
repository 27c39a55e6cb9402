"""Line coverage, measured by the `coverage` library in the processes that run the code.

The code could falsify it, so it helps those who write tests, and proves nothing.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable
from typing import Any

from bellglass.tools.run_tests.inside.lines import sender

MAX_FILES = 50

OMITTED = ("*/.venv/*", "*/test_*.py", "*_test.py", "*/conftest.py")


class Measure:
    """Measures the files of the session, if `file` names a file for the data."""

    def __init__(self, file: str | None) -> None:
        self.missing = False
        self._coverage: Any = None
        if file is None:
            return
        try:
            library: Any = importlib.import_module("coverage")
        except ImportError:
            self.missing = True
            return
        self._coverage = library.Coverage(
            data_file=file,
            data_suffix=True,
            config_file=False,
            include=[f"{os.getcwd()}/*"],
            omit=list(OMITTED),
        )
        self._coverage.start()

    def save(self) -> None:
        if self._coverage is not None:
            self._coverage.stop()
            self._coverage.save()


def main(fd: int, settings: dict[str, Any], forget: Callable[[], None]) -> None:
    """Report what all processes measured: for each file its lines, and those that never ran."""
    library: Any = importlib.import_module("coverage")
    no_data: type[Exception] = library.CoverageException

    forget()
    send = sender(fd, settings["token"])
    measured = library.Coverage(data_file=settings["coverage"], config_file=False)
    sys.path[0] = os.getcwd()
    found = []
    try:
        measured.combine()
    except no_data:  # nothing was measured
        pass
    for file in sorted(measured.get_data().measured_files())[:MAX_FILES]:
        try:
            _, statements, _, missing, _ = measured.analysis2(file)
        except no_data:  # a file that was deleted, or is not Python
            continue
        name = os.path.relpath(file)
        found.append({"file": name, "lines": len(statements), "missing": missing})
    send({"coverage": found})
