"""Doing something to a module right after it is imported, whoever imports it, and not before."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib.machinery import ModuleSpec
from typing import Any

Then = Callable[[Any], None]


class ImportHook:
    """A finder of modules that finds none itself."""

    def __init__(self) -> None:
        self._waiting: dict[str, Then] = {}

    @classmethod
    def begin(cls, wanted: dict[str, Then]) -> None:
        """Have each function called with its module: now if it is there, else once it is."""
        watch = cls()
        for name, then in wanted.items():
            if name in sys.modules:
                then(sys.modules[name])
            else:
                watch._waiting[name] = then
        sys.meta_path.insert(0, watch)

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        if name not in self._waiting:
            return None
        for finder in sys.meta_path:
            find = getattr(finder, "find_spec", None)
            if finder is self or find is None:
                continue
            spec: ModuleSpec | None = find(name, path, target)
            if spec is not None:
                if spec.loader is not None:
                    loader: Any = _Loader(spec.loader, self._waiting.pop(name))
                    spec.loader = loader
                return spec
        return None


class _Loader:
    """The loader of the module, and what comes after."""

    def __init__(self, loader: Any, then: Then) -> None:
        self._loader = loader
        self._then = then

    def create_module(self, spec: ModuleSpec) -> Any:
        return self._loader.create_module(spec)

    def exec_module(self, module: Any) -> None:
        module.__spec__.loader = module.__loader__ = self._loader
        self._loader.exec_module(module)
        self._then(module)
