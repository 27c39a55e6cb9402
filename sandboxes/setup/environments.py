"""Where the virtual environments for code in sandboxes are, and which one is used.

Servers share them. Each set of packages has a folder, and in it one folder for each time that it
was installed; the link `current` names the one in use, and is replaced as a whole:

    ~/.local/share/bellglass/pythons/3.13-7c1f0a9be214/current -> 5f2a91c0
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from bellglass.sandboxes.setup.package_set import NotARequirement, PackageSet, kept, normalized

if TYPE_CHECKING:
    from collections.abc import Iterator

CURRENT = "current"
LOCK = ".bellglass-lock"
"""Of the folder of a set: held while it is installed. Of an environment: shared by its servers."""


def user_data() -> Path:
    """Return the directory for data of the user's programs.

    See https://specifications.freedesktop.org/basedir-spec/.
    """
    data = os.environ.get("XDG_DATA_HOME", "")
    return Path(data if os.path.isabs(data) else os.path.expanduser("~/.local/share"))


def shared_folder() -> Path:
    """Return the folder in which environments are made."""
    return user_data() / "bellglass" / "pythons"


def _folders() -> list[Path]:
    """Return the folders in which environments are looked for: `make setup` has one of its own."""
    return [Path(sys.prefix, "share", "bellglass", "pythons"), shared_folder()]


def slot_for(packages: PackageSet) -> Path:
    """Return the folder of a set of packages, for the Python of this server."""
    version = "{}.{}".format(*sys.version_info[:2])
    return shared_folder() / f"{version}-{packages.digest}"


def prepared(packages: PackageSet) -> str | None:
    """Return the interpreter of an environment that has this set."""
    own = slot_for(packages).name
    slots = [
        slot
        for folder in _folders()
        for slot in (folder / own, *_listed(folder))
        if slot.name.endswith(f"-{packages.digest}")
    ]
    return next(filter(None, map(interpreter_in, slots)), None)


def find_python(python: str | None = None) -> str:
    """Return the path of the interpreter: the given one, a prepared one, or the base Python.

    An environment of another set, from before a change, is better than none.
    """
    if python is not None:
        return os.path.abspath(os.path.expanduser(python))
    with contextlib.suppress(NotARequirement):
        if found := prepared(kept()):
            return found
    others = [slot for folder in _folders() for slot in _listed(folder)]
    others.sort(key=_age)
    for slot in others:
        if found := interpreter_in(slot):
            return found
    earlier = Path(sys.prefix, "share", "bellglass", "python", "bin", "python")
    if os.access(earlier, os.X_OK):  # of a version whose environments had no sets
        return str(earlier)
    # It works without numpy and other packages; `bellglass doctor` lists what is missing.
    return base_python()


def base_python() -> str:
    """Return the Python of this server outside of its virtual environment."""
    base: str = getattr(sys, "_base_executable", sys.executable)
    return os.path.realpath(base)


def interpreter_in(slot: Path) -> str | None:
    """Return the interpreter of the environment in use, if it is there and not broken."""
    python = slot / CURRENT / "bin" / "python"
    return str(python) if os.access(python, os.X_OK) else None


def awaited(packages: PackageSet) -> Path:
    """Return the folder in which an environment of the set will appear, and make it."""
    slot = slot_for(packages)
    slot.mkdir(parents=True, exist_ok=True)
    return slot


def awaited_beside(python: str) -> str | None:
    """Return the folder in which an environment is awaited, if sandboxes run `python` until then.

    That is the base Python. An environment of another set is used until the server starts again.
    """
    if python != base_python():
        return None
    with contextlib.suppress(NotARequirement):
        slot = slot_for(kept())
        if slot.is_dir():
            return str(slot)
    return None


def use(python: str) -> int | None:
    """Mark the environment of `python` as used; return a descriptor that holds it, if it is ours.

    As long as the descriptor is open, the environment is not deleted.
    """
    slot = Path(python).parent.parent.parent
    if slot.parent not in _folders():
        return None
    with contextlib.suppress(OSError):
        os.utime(slot)
    try:
        descriptor = os.open(slot / CURRENT / LOCK, os.O_RDONLY | os.O_CLOEXEC)
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return None
    return descriptor


def installed(python: str) -> dict[str, str]:
    """Return the versions of the packages of an interpreter, by normalized name.

    They are read from the names of files: to start the interpreter would take longer.
    """
    prefix = Path(python).parent.parent
    sites = [*prefix.glob("lib/python3*/site-packages"), *prefix.glob("lib/python3*/dist-packages")]
    found: dict[str, str] = {}
    for site in sites:
        with contextlib.suppress(OSError):
            for entry in os.listdir(site):
                name, dot, _ = entry.rpartition(".dist-info")
                if dot:
                    package, _, version = name.partition("-")
                    found.setdefault(normalized(package), version)
    return found


def _listed(folder: Path) -> Iterator[Path]:
    try:
        names = sorted(os.listdir(folder))
    except OSError:
        return
    yield from (folder / name for name in names)


def _age(slot: Path) -> float:
    try:
        return -slot.stat().st_mtime
    except OSError:
        return 0.0
