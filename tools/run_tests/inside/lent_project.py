"""A lent project under test: where it is run, and by which Python.

Its virtual environment was made on another machine, as far as the sandbox is concerned: its Python
may not exist here, and paths in it are those of the host.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from typing import Any, NamedTuple


class LentProject(NamedTuple):
    """The project that all tests of a run are in."""

    folder: str
    """Its path in the sandbox, and the working directory of its tests."""
    host: str
    """Its path on the host, which files of its environment name."""
    python: str | None
    """The virtual environment, relative to the folder."""

    def interpreter(self) -> str | None:
        """Return its own Python, if that can be executed here."""
        if self.python is None:
            return None
        program = os.path.join(self.folder, self.python, "bin/python")
        return program if os.access(program, os.X_OK) else None

    def packages(self) -> str | None:
        """Return the folder of its packages, if they are for this version of Python."""
        if self.python is None:
            return None
        version = "python{}.{}".format(*sys.version_info[:2])
        path = os.path.join(self.folder, self.python, "lib", version, "site-packages")
        return path if os.path.isdir(path) else None

    def problem(self) -> str | None:
        """Return why its environment cannot be used; None if it can, or there is none."""
        if self.python is None or self.interpreter() or self.packages():
            return None
        path = os.path.join(self.folder, self.python)
        if not os.path.isdir(path):
            return f"There is no virtual environment at {path}."
        library = os.path.join(path, "lib")
        versions = ", ".join(sorted(os.listdir(library))) if os.path.isdir(library) else ""
        return (
            f"The virtual environment {path} is for {versions or 'another system'}, and the "
            "sandbox has another Python. The operator can set BELLGLASS_PYTHON to that of the "
            "environment."
        )


def use_packages(settings: dict[str, Any]) -> None:
    """Put the packages of a project's environment, and what they link to, on the path."""
    import site

    project = settings.get("project")
    if not project:
        return
    packages = project["packages"]
    if packages and packages not in sys.path:
        before, sys.path[:] = sys.path[:], []
        site.addsitedir(packages)
        # Before the packages of the sandbox, of which the project may need other versions.
        sys.path[:] = [*before[:1], *sys.path, *before[1:]]
    for folder in (path for path in list(sys.path) if path.endswith("site-packages")):
        for path in _linked(folder, project["host"], project["folder"]):
            if path not in sys.path:
                sys.path.append(path)


def _linked(packages: str, host: str, folder: str) -> Iterator[str]:
    """Yield the folders of an editable installation, by their paths here."""
    try:
        names = sorted(os.listdir(packages))
    except OSError:
        return
    for name in names:
        if name.endswith(".pth"):
            try:
                with open(os.path.join(packages, name), encoding="utf-8") as file:
                    lines = file.read().splitlines()
            except (OSError, UnicodeDecodeError):
                continue
            for line in lines:
                if line == host or line.startswith(host + "/"):
                    yield folder + line[len(host) :]
