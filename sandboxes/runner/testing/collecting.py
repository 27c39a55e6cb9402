"""How pytest is started here: on which files, with which settings, and none of the surroundings."""

from __future__ import annotations

import os
import sys
from typing import Any

OPTIONS = (
    "--tb=short",
    "--no-header",
    "--no-summary",
    "-p",
    "no:cacheprovider",
    "--color=no",
)

INI = "[pytest]\ntmp_path_retention_policy = none\n"
"""The directories that tests get for their files must not fill the scratch space."""


def options(directory: str, settings: dict[str, Any]) -> list[str]:
    """Return what to pass to pytest for files in `directory`, or in the session itself."""
    chosen = [*OPTIONS, f"-c{directory}/pytest.ini"]
    if settings.get("select"):
        chosen.append(f"-k{settings['select']}")
    if settings.get("stop"):
        chosen.append("-x")
    return chosen


def clear_environment() -> None:
    for name in [name for name in os.environ if name.startswith(("PYTEST_", "PY_COLORS"))]:
        del os.environ[name]


def hide_our_own() -> None:
    """Have pytest leave our frames out of what it shows of an error: they are no help there."""
    for name, module in list(sys.modules.items()):
        if name.startswith("bellglass."):
            vars(module)["__tracebackhide__"] = True


def write(directory: str, name: str, text: str) -> str:
    path = os.path.join(directory, name)
    with open(path, "wb") as file:
        file.write(text.encode("utf-8", "replace"))
    return path
