"""Files on the disk that are similar to a missing module, file or program."""

from __future__ import annotations

import os
import re
import sys
import types
from itertools import islice
from typing import Any

from bellglass.sandboxes.common.similar import (
    MAX_COMPARED_NAMES,
    MAX_LISTED_NAMES,
    MAX_SIMILAR_NAMES,
    like,
    listing,
)
from bellglass.sandboxes.worker.explaining.names import LOCALS
from bellglass.sandboxes.worker.explaining.values import isinstance_of

PROGRAMS = "PATH"
"""The target of an error when a program was looked for."""

MAX_FOLDERS = 100
"""Subfolders of the working directory in which a file is looked for."""

Finding = dict[str, Any]

_scandir = os.scandir


def modules(exc: Any) -> Finding:
    """Return what is similar to a missing module, or to a name missing in one."""
    module, wanted = getattr(exc, "name", None), getattr(exc, "name_from", None)
    if type(module) is not str:
        return {}
    if isinstance_of(exc, ModuleNotFoundError):
        top, _, rest = module.partition(".")
        if rest and top in sys.modules:
            return {"missing": module}
        builtin = {*getattr(sys, "stdlib_module_names", ()), *sys.builtin_module_names}
        others = [name for name in _beside(sys.path) if name not in builtin]
        near = [*like(top, others), *like(top, builtin)]  # suggest numpy before runpy
        return {"missing": module, "suggestions": near[:MAX_SIMILAR_NAMES]}
    if wanted is None:  # before Python 3.12
        found = re.match(r"cannot import name '(\w+)'", str(exc.msg))
        wanted = found[1] if found else None
    owner = sys.modules.get(module)
    if type(wanted) is not str or type(owner) is not types.ModuleType:
        return {}
    return {"target": module, "missing": wanted, "suggestions": like(wanted, vars(owner))}


def _beside(path: list[str]) -> list[str]:
    """Return the modules and packages in the directories of `path`."""
    names: list[str] = []
    for directory in path[:20]:
        if type(directory) is str:
            names += filter(_is_module, listing(directory or "."))
    return [name.partition(".")[0] for name in names]


def _is_module(name: str) -> bool:
    """Tell a module or package from other entries: scikit_learn.libs, pandas-3.1.dist-info."""
    stem, dot, _ = name.partition(".")
    return stem.isidentifier() and (not dot or name.endswith((".py", ".so")))


def files(exc: Any) -> Finding:
    """Return what is similar to a missing file, or to a program that could not be started."""
    path = exc.filename
    if type(path) is bytes:
        path = os.fsdecode(path)
    if type(path) is not str or type(exc) is not FileNotFoundError:
        return {"missing": path} if type(path) is str else {}
    if _is_of_subprocess(exc):
        folders = [*os.environ.get("PATH", "").split(os.pathsep)[:20], "."]
        programs = [name for folder in folders for name in listing(folder or ".")]
        return {"target": PROGRAMS, "missing": path, "suggestions": like(path, programs)}
    directory, name = os.path.split(path.rstrip("/"))
    elsewhere = [name] if directory and os.path.exists(name) else []
    elsewhere += _below(name)
    parent = directory or "."
    while parent not in (".", "/", "") and not os.path.isdir(parent):
        parent, name = os.path.split(parent)
        parent = parent or "."
    names = sorted(listing(parent))
    visible = [name for name in names if not name.startswith(".")]
    return {
        "missing": path,
        "target": os.getcwd() if parent == "." else parent,
        "suggestions": elsewhere + like(name, names),
        "available": visible[:MAX_LISTED_NAMES],
    }


def _below(name: str) -> list[str]:
    """Return the paths of files with that name in subfolders of the working directory."""
    try:
        with _scandir(".") as entries:
            some = islice(entries, MAX_COMPARED_NAMES)
            folders = sorted(entry.name for entry in some if entry.is_dir())
        places = (os.path.join(folder, name) for folder in folders[:MAX_FOLDERS])
        return list(islice(filter(os.path.isfile, places), MAX_SIMILAR_NAMES))
    except (OSError, ValueError):
        return []


def _is_of_subprocess(exc: BaseException) -> bool:
    """Tell if the program is missing that was to be started, and not its working directory."""
    last = exc.__traceback__
    while last is not None and last.tb_next is not None:
        last = last.tb_next
    if last is None or last.tb_frame.f_code.co_name != "_execute_child":
        return False
    return dict.get(last.tb_frame.f_globals, "__name__") == "subprocess" and not _changed(last)


def _changed(last: types.TracebackType) -> bool:
    names = last.tb_frame.f_locals
    cwd = names.get("cwd") if type(names) in LOCALS else None
    return type(cwd) is str and not os.path.isdir(cwd)
