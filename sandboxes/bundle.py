"""Bundle packages of ours into bytes, for an interpreter that has none of them installed."""

from __future__ import annotations

import hashlib
import json
import logging
import marshal
import os
from functools import cache
from importlib.resources import files
from importlib.util import MAGIC_NUMBER, cache_from_source, find_spec
from pathlib import Path
from types import CodeType
from typing import TYPE_CHECKING, cast

from bellglass.sandboxes import plugins

if TYPE_CHECKING:
    from importlib.abc import InspectLoader
    from importlib.resources.abc import Traversable

LOG = logging.getLogger(__name__)

PROGRAM = tuple(
    f"bellglass.sandboxes.{name}" for name in ("supervisor", "worker", "common", "wire")
)
"""The packages that every backend ships, beside the jobs of the tools."""

JOB_TABLE = "bellglass.sandboxes.supervisor.job_table"

LIBRARIES = {"bellglass.sandboxes.saving.inside.cloudpickle": ("cloudpickle", "cloudpickle.py")}
"""Files of libraries that are shipped if they are installed here, by the names they have inside:
their own names would hide what a session has installed."""

CONFINEMENT = "bellglass.sandboxes.confinement"
"""Packages for backends that put a sandbox on a kernel that others use too."""

LOADER = """
import importlib.machinery, importlib.util, marshal, sys

class Bundle:
    def __init__(self, data):
        magic, self.modules = marshal.loads(data)
        self.compiled = magic == importlib.util.MAGIC_NUMBER

    def find_spec(self, name, path=None, target=None):
        if name in self.modules:
            is_package = self.modules[name][0]
            return importlib.machinery.ModuleSpec(name, self, is_package=is_package)

    def create_module(self, spec):
        return None

    def get_code(self, name):
        _, source, code = self.modules[name]
        if self.compiled and code:
            return marshal.loads(code)
        return compile(source, f"<{name}>", "exec")

    def get_source(self, name):
        return self.modules[name][1]

    def exec_module(self, module):
        exec(self.get_code(module.__name__), module.__dict__)

# First, so that nothing on the path can shadow the supervisor.
sys.meta_path.insert(0, Bundle(data))
"""
"""Program text that makes the modules of a bundle in `data` importable.

The bundle has each module as source and, where possible, compiled: another version of Python uses
the source, the same version saves the 60 ms that compiling takes.
"""


@cache
def bundle(*packages: str) -> bytes:
    """Return PROGRAM, the jobs of the tools and `packages` with all their modules, for LOADER.

    Nothing else is included; parent packages are empty.
    """
    modules: dict[str, tuple[bool, str, bytes]] = {}
    jobs: dict[str, str] = {}
    for package in (*PROGRAM, *packages):
        _add_package(modules, package)
    for operation, value in plugins.jobs().items():
        try:
            _add_package(modules, value.partition(":")[0].rpartition(".")[0])
        except (ImportError, ValueError) as exc:
            # A job of another distribution: the tool that needs it fails, but no sandbox does.
            LOG.warning("The job %s (%s) cannot be shipped: %r", operation, value, exc)
            continue
        jobs[operation] = value
    for name, (library, file) in LIBRARIES.items():
        _add_library(modules, name, library, file)
    modules[JOB_TABLE] = (False, f"JOBS = {jobs!r}\n", b"")
    return marshal.dumps((MAGIC_NUMBER, modules))


@cache
def edition(*packages: str) -> str:
    """Return a hash of the sources in `bundle(*packages)`."""
    modules = marshal.loads(bundle(*packages))[1]
    texts = sorted((name, source) for name, (_, source, _) in modules.items())
    return hashlib.sha256(json.dumps(texts).encode()).hexdigest()


def _add_package(modules: dict[str, tuple[bool, str, bytes]], package: str) -> None:
    if package in modules:
        return
    folder = files(package)
    parts = package.split(".")
    for depth in range(1, len(parts)):
        modules.setdefault(".".join(parts[:depth]), (True, "", b""))
    _add(modules, package, folder)


def _add(modules: dict[str, tuple[bool, str, bytes]], package: str, folder: Traversable) -> None:
    for file in folder.iterdir():
        if file.name == "__init__.py":
            modules[package] = (True, file.read_text("utf-8"), _compiled(package))
        elif file.name.endswith(".py"):
            name = f"{package}.{file.name.removesuffix('.py')}"
            modules[name] = (False, file.read_text("utf-8"), _compiled(name))
        elif file.joinpath("__init__.py").is_file():
            _add(modules, f"{package}.{file.name}", file)


def _add_library(
    modules: dict[str, tuple[bool, str, bytes]], name: str, library: str, file: str
) -> None:
    found = find_spec(library)
    if found is not None and found.origin is not None:
        path = Path(found.origin).with_name(file)
        cached = Path(cache_from_source(str(path)))
        # Found without importing it; the header of a cached module has 16 bytes.
        code = marshal.loads(cached.read_bytes()[16:]) if cached.is_file() else None
        compiled = b"" if code is None else marshal.dumps(_renamed(code, f"<{name}>"))
        modules[name] = (False, path.read_text("utf-8"), compiled)


def _compiled(name: str) -> bytes:
    """Return the code of a module from our own interpreter's cache, or b"".

    If it is not cached, the far end compiles what it imports.
    """
    spec = find_spec(name)
    assert spec is not None
    if spec.cached is None or not os.path.exists(spec.cached):
        return b""
    code = cast("InspectLoader", spec.loader).get_code(name)
    assert code is not None
    return marshal.dumps(_renamed(code, f"<{name}>"))


def _renamed(code: CodeType, file: str) -> CodeType:
    """Return `code` without the path of this machine with which it was compiled."""
    constants = tuple(
        _renamed(constant, file) if isinstance(constant, CodeType) else constant
        for constant in code.co_consts
    )
    return code.replace(co_filename=file, co_consts=constants)
