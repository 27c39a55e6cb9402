"""Modules of the code, as the tests import them: their names are asked for in the other process."""

from __future__ import annotations

import builtins
import importlib.machinery
import os
import sys
import tempfile
import types
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bellglass.sandboxes.runner.apart.suite_side import SuiteSide

NOT_STARRED = (
    "test",
    "Test",
    "pytest",
    "_",
    "setup",
    "teardown",
    "setUp",
    "tearDown",
    "load_tests",
)


class CodeModule(types.ModuleType):
    """A module that is in the process of the code."""

    def __getattr__(self, name: str) -> Any:
        modules: Modules = vars(self)["_bellglass_modules"]
        if name == "__all__":
            return modules.starred(self)
        if name.startswith(("__", "_bellglass", "pytest")) and name not in (
            "__doc__",
            "__version__",
        ):
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        value = modules.side.request("get", self, name)
        modules.side.reached(self.__name__, name, value)
        return value

    def __setattr__(self, name: str, value: Any) -> None:
        if name.startswith("__") or isinstance(value, CodeModule):
            super().__setattr__(name, value)
        else:
            vars(self)["_bellglass_modules"].side.request("set", self, name, value)

    def __delattr__(self, name: str) -> None:
        vars(self)["_bellglass_modules"].side.request("delete", self, name)


class Modules:
    """Finds `solution`, and what else the tests import that the code's process has."""

    def __init__(self, side: SuiteSide, imports: set[str]) -> None:
        self.side = side
        self._imports = imports
        self._known: dict[str, CodeModule] = {}
        self.reserved: set[str] = set()
        """Names that `from solution import *` does not take from the tests."""

    def get(self, name: str) -> CodeModule:
        """Return the stand-in for a module, imported or not."""
        if name not in self._known:
            module = self._known[name] = CodeModule(name)
            vars(module)["_bellglass_modules"] = self
        return self._known[name]

    def starred(self, module: CodeModule) -> list[str]:
        names = self.side.request("names", module)
        return [
            name
            for name in (names if isinstance(names, list) else [])
            if isinstance(name, str)
            and not hasattr(builtins, name)
            and name not in self.reserved
            and not name.startswith(NOT_STARRED)
        ]

    # --- the import system asks

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: Any = None
    ) -> importlib.machinery.ModuleSpec | None:
        """Find a module that is not to be had here: Python asks us last, but for `solution`."""
        top = name.partition(".")[0]
        if top not in self._imports:
            return None
        if name != "solution" and not self._found(name):
            return None
        return importlib.machinery.ModuleSpec(name, self)  # type: ignore[arg-type]

    def install(self) -> None:
        """Take part in imports, and let none find what the code may have written."""
        here = (os.getcwd(), tempfile.gettempdir())
        sys.path[:] = [path for path in sys.path if path and not (path + os.sep).startswith(here)]
        sys.meta_path.insert(0, _First(self))
        sys.meta_path.append(self)

    def _found(self, name: str) -> bool:
        try:
            return self.side.request("find", None, name) is True
        except Exception:  # a parent that does not import
            return False

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> types.ModuleType:
        return self.get(spec.name)

    def exec_module(self, module: types.ModuleType) -> None:
        if self.side.request("import", None, module.__name__) is True:
            module.__path__ = []


class _First:
    """Asked before all others, as `solution` may be the name of a module elsewhere too."""

    def __init__(self, modules: Modules) -> None:
        self._modules = modules

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        if name.partition(".")[0] == "solution":
            return self._modules.find_spec(name)
        return None
