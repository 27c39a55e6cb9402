"""`from IPython.display import display, HTML` where IPython is not installed.

Notebooks begin so. A finder at the very end of the search stands in: an IPython that is installed
is found before it.
"""

from __future__ import annotations

import sys
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

NAMES = ("IPython", "IPython.display", "IPython.core", "IPython.core.display")


class StandIn(MetaPathFinder, Loader):
    """Finds and makes the modules of NAMES."""

    @classmethod
    def expect(cls) -> None:
        sys.meta_path.append(cls())

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        if name not in NAMES:
            return None
        return ModuleSpec(name, self, is_package="." not in name or name == "IPython.core")

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        from bellglass.sandboxes.runner.habits import wrapped

        given = wrapped.names()
        if module.__name__ == "IPython":
            given = {"get_ipython": given["get_ipython"], "version_info": (0, 0, 0)}
        vars(module).update(given)
