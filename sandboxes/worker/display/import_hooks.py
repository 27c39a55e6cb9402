"""Hooks that run right after a module has been imported, and never import it themselves."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib.machinery import ModuleSpec
from typing import Any

Then = Callable[[Any], None]


class ImportHook:
    """A finder that finds no modules, but wraps the loader of those with a hook."""

    def __init__(self) -> None:
        self._waiting: dict[str, Then] = {}

    @classmethod
    def begin(cls, wanted: dict[str, Then]) -> None:
        """Call each function with its module: now if it is imported, else when it is."""
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
    """A loader that calls the hook after the module was executed."""

    def __init__(self, loader: Any, then: Then) -> None:
        self._loader = loader
        self._then = then

    def create_module(self, spec: ModuleSpec) -> Any:
        return self._loader.create_module(spec)

    def exec_module(self, module: Any) -> None:
        module.__spec__.loader = module.__loader__ = self._loader
        self._loader.exec_module(module)
        self._then(module)
