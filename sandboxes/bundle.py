"""Packages of ours as one text, for an interpreter that has nothing of ours installed."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

# Finds modules in SOURCES. It stands first, so that nothing on the path can shadow the runner.
_LOADER = """
import importlib.machinery, sys

class Bundle:
    def find_spec(self, name, path=None, target=None):
        if name in SOURCES:
            package = SOURCES[name][0]
            return importlib.machinery.ModuleSpec(name, self, is_package=package)

    def create_module(self, spec):
        return None

    def exec_module(self, module):
        name = module.__name__
        exec(compile(SOURCES[name][1], f"<{name}>", "exec"), module.__dict__)

sys.meta_path.insert(0, Bundle())
"""


RUNNER = (
    "bellglass.sandboxes.runner",
    "bellglass.sandboxes.runner.checking",
    "bellglass.sandboxes.runner.testing",
)
"""What every backend ships."""


@cache
def bundle(*packages: str) -> str:
    """Return a program text that makes `packages`, with all their modules, importable.

    Only the named packages come along; their parents are there as empty packages.
    """
    sources: dict[str, tuple[bool, str]] = {}
    for package in packages:
        parts = package.split(".")
        for depth in range(1, len(parts)):
            sources.setdefault(".".join(parts[:depth]), (True, ""))
        for file in files(package).iterdir():
            if file.name.endswith(".py"):
                stem = file.name.removesuffix(".py")
                is_package = stem == "__init__"
                name = package if is_package else f"{package}.{stem}"
                sources[name] = (is_package, file.read_text("utf-8"))
    return f"SOURCES = {sources!r}\n{_LOADER}"
