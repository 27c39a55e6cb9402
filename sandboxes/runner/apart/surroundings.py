"""What each process has of its own and code takes for one: environment, directory, argv."""

from __future__ import annotations

import os
import sys
from typing import Any

KEPT = ("PYTHON", "PYTEST", "LD_", "PATH", "COVERAGE")
"""Variables that the code does not set for the tests: they choose what programs run."""


class Surroundings:
    """Tells the other side what has changed here since it was last told, or has told us."""

    def __init__(self, *, careful: bool = False) -> None:
        self._careful = careful
        self._known = self._now()

    def _now(self) -> dict[str, Any]:
        try:
            directory = os.getcwd()
        except OSError:  # it is gone
            directory = ""
        return {"env": dict(os.environ), "cwd": directory, "argv": list(sys.argv)}

    def start_over(self) -> None:
        """The other side is a new one, and has what it inherited."""
        self._known = {"env": {}, "cwd": "", "argv": []}

    def changes(self) -> dict[str, Any]:
        now = self._now()
        changed = {name: value for name, value in now.items() if value != self._known[name]}
        self._known = now
        return {"around": changed} if changed else {}

    def apply(self, message: dict[str, Any]) -> None:
        changed = message.get("around")
        if not changed:
            return
        if "env" in changed:
            self._set_environment(dict(changed["env"]))
        if "cwd" in changed and isinstance(changed["cwd"], str):
            try:
                os.chdir(changed["cwd"])
            except (OSError, ValueError):
                pass
        if "argv" in changed and not self._careful:
            sys.argv[:] = changed["argv"]
        self._known = self._now()

    def _set_environment(self, wanted: dict[Any, Any]) -> None:
        for name in {*os.environ, *wanted}:
            if self._careful and str(name).startswith(KEPT):
                continue
            value = wanted.get(name)
            if value is None:
                os.environ.pop(name, None)
            elif os.environ.get(name) != value:
                os.environ[name] = value
