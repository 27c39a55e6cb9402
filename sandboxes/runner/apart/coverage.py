"""Which lines of the code ran: asked of the `coverage` library in the process of the code.

The process that measures runs the code, so this is a help for those who write tests, not a proof.
"""

from __future__ import annotations

import importlib.util
import os
from typing import Any

Lines = dict[str, dict[str, list[int]]]

MOST_FILES = 50


class Coverage:
    """Measures the files below `directory` and the working directory, if `on`."""

    def __init__(self, directory: str, *, on: bool) -> None:
        self._directory = directory
        self._measure: Any = None
        if on:
            measure = importlib.import_module("coverage").Coverage

            places = [f"{place}/*" for place in (directory, os.getcwd())]
            self._measure = measure(data_file=None, config_file=False, include=places)

    def start(self) -> None:
        if self._measure is not None:
            self._measure.start()

    def report(self) -> Lines:
        """Return for each file its statements, and those that did not run."""
        if self._measure is None:
            return {}
        self._measure.stop()
        found: Lines = {}
        try:
            for file in sorted(self._measure.get_data().measured_files())[:MOST_FILES]:
                try:
                    _, statements, _, missing, _ = self._measure.analysis2(file)
                except Exception:  # a file that is gone, or no Python
                    continue
                name = os.path.relpath(file, self._directory)
                if name.startswith(".."):
                    name = os.path.relpath(file)
                found[name] = {"statements": statements, "missing": missing}
        finally:
            self._measure.start()
        return found


def installed() -> bool:
    return importlib.util.find_spec("coverage") is not None
