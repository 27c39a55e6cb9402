"""The files of a session as entries of an archive."""

from __future__ import annotations

import os
import re
import stat
import tarfile
from collections.abc import Iterator
from typing import IO, BinaryIO, cast

from bellglass.sandboxes.common.packages import OWN
from bellglass.sandboxes.saving.inside.places import SCRATCH

FOLDERS = ("/work", "/tmp")
PREFIX = "files"

MAX_ENTRIES = 50_000

_RUN_OUTPUT = re.compile(r"/tmp/r\d+-std(out|err)\.txt")
"""Output of background runs, which are not kept."""


class TooLarge(Exception):
    """An archive would have more bytes or entries than it may."""


class _Content:
    """The content of a file with the size that its entry has, though it may change meanwhile."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file = file
        self._left = size

    def read(self, size: int) -> bytes:
        size = min(size, self._left)
        self._left -= size
        return self._file.read(size).ljust(size, b"\0")


def add_all(archive: tarfile.TarFile, max_bytes: int) -> tuple[int, list[str]]:
    """Add all files; return how many, and the paths that cannot be kept.

    Raises:
        TooLarge: They are more than the archive may have.
    """
    count = total = 0
    left_out: list[str] = []
    for entries, (path, about) in enumerate(_found(), 1):
        info = archive.tarinfo(f"{PREFIX}{path}")
        info.mode, info.mtime = stat.S_IMODE(about.st_mode), int(about.st_mtime)
        count += not stat.S_ISDIR(about.st_mode)
        total += about.st_size
        if entries > MAX_ENTRIES:
            raise TooLarge(f"more than {MAX_ENTRIES:,} files")
        if total > max_bytes:
            raise TooLarge(f"more than {max_bytes // 1024**2:,} MiB of files")
        try:
            if stat.S_ISDIR(about.st_mode):
                info.type = tarfile.DIRTYPE
                archive.addfile(info)
            elif stat.S_ISLNK(about.st_mode):
                info.type, info.linkname = tarfile.SYMTYPE, os.readlink(path)
                archive.addfile(info)
            elif stat.S_ISREG(about.st_mode):
                with open(path, "rb") as file:
                    info.size = about.st_size
                    archive.addfile(info, cast("IO[bytes]", _Content(file, info.size)))
            else:
                left_out.append(path)  # a socket, a pipe: it is nothing without its process
        except PermissionError:
            left_out.append(path)
    return count, left_out


def _found() -> Iterator[tuple[str, os.stat_result]]:
    for top in FOLDERS:
        device = os.stat(top).st_dev
        for folder, folders, files in os.walk(top):
            folders[:] = [name for name in folders if _is_kept(f"{folder}/{name}", device)]
            for name in [*folders, *files]:
                path = f"{folder}/{name}"
                try:
                    if _is_kept(path, device):
                        yield path, os.lstat(path)
                except OSError:
                    continue  # deleted meanwhile


def _is_kept(path: str, device: int) -> bool:
    """Tell if a path is the session's own: not of ours, nor mounted from elsewhere."""
    if path == OWN or path.startswith(SCRATCH) or _RUN_OUTPUT.fullmatch(path):
        return False
    try:
        return os.lstat(path).st_dev == device
    except OSError:
        return False  # deleted meanwhile


def extract(archive: tarfile.TarFile, info: tarfile.TarInfo) -> None:
    """Make the file of an entry; nothing but files, folders and symbolic links."""
    path = info.name[len(PREFIX) :]
    if info.isdir():
        os.makedirs(path, exist_ok=True)
        os.chmod(path, info.mode | 0o700)  # what is in it comes later
        return
    if info.issym():
        _free(path)
        os.symlink(info.linkname, path)
        return
    source = archive.extractfile(info) if info.isreg() else None
    if source is not None:
        _free(path)
        with open(path, "wb") as file:
            while data := source.read(1 << 20):
                file.write(data)
        os.chmod(path, info.mode)
        os.utime(path, (info.mtime, info.mtime))


def _free(path: str) -> None:
    if os.path.lexists(path):
        os.unlink(path)
