"""Copies of lent folders: files that a session may change, beside the folder as it was lent."""

from __future__ import annotations

import errno
import os
import shutil
import stat
from typing import NamedTuple

ROOT = "/folders"
"""The directory of lent folders in a sandbox."""

BASES = "/run/lent"
"""The directory of the folders whose copies may be changed."""

LAYERS = "/run/changed"
"""The directory of the layers of overlays."""

CACHES = frozenset(
    {"__pycache__", ".cache", ".config", ".ipynb_checkpoints", ".pytest_cache"}
    | {".mypy_cache", ".ruff_cache", ".hypothesis"}
)
"""Folders whose changes nobody wants to know."""

_COPY_BYTES = 1 << 20


class LentCopy(NamedTuple):
    """A lent folder of the mode `copy` in a sandbox."""

    name: str
    base: str
    """The path of the folder as it was lent, read-only."""
    target: str
    """The path of the files that may be changed."""
    layer: str
    """The path of a layer that holds only what was changed, in an overlay; "" if there is none."""


class TooLarge(Exception):
    """A folder does not fit into the memory for the files of a session."""


def fill(copy: LentCopy) -> None:
    """Copy the folder, with modes and times; links stay links, and other things are left out.

    Raises:
        TooLarge: There is not enough room.
    """
    try:
        _copy_folder(copy.base, copy.target)
    except OSError as exc:
        if exc.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise TooLarge(
                f"{copy.target} is larger than the files of a session may be (BELLGLASS_DISK_MB)"
            ) from exc
        raise


def _copy_folder(source: str, target: str) -> None:
    with os.scandir(source) as entries:
        for entry in entries:
            to = f"{target}/{entry.name}"
            try:
                if entry.is_symlink():
                    os.symlink(os.readlink(entry.path), to)
                elif entry.is_dir():
                    os.mkdir(to, 0o700)
                    _copy_folder(entry.path, to)
                elif entry.is_file():
                    _copy_file(entry.path, to)
                    continue
                else:
                    continue
            except PermissionError:
                continue  # closed to the session in the folder as well
            if not entry.is_symlink():
                shutil.copystat(entry.path, to)


def _copy_file(source: str, target: str) -> None:
    with open(source, "rb") as reading, open(target, "wb") as writing:
        shutil.copyfileobj(reading, writing, _COPY_BYTES)
    about = os.stat(source)
    os.chmod(target, stat.S_IMODE(about.st_mode) & 0o777)
    os.utime(target, ns=(about.st_atime_ns, about.st_mtime_ns))
