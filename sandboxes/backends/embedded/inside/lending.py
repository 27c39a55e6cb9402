"""Put lent folders into the view of sandboxes, and hide names in them by something empty."""

from __future__ import annotations

import errno
import os
import stat
from typing import TYPE_CHECKING, NamedTuple

from bellglass.sandboxes.backends.embedded.inside import mounts, namespaces
from bellglass.sandboxes.confinement.failure import step

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bellglass.sandboxes.common.lent_copies import LentCopy

_EMPTY = "/run/hidden"
_EMPTY_FILE, _EMPTY_FOLDER = f"{_EMPTY}/file", f"{_EMPTY}/folder"

_NOT_REACHED = (errno.ENOENT, errno.ENOTDIR, errno.EACCES, errno.ELOOP)
"""Errors for a name that is gone, became a link, or which the code could not reach either."""


class Lent(NamedTuple):
    """A folder in the view that is being built."""

    target: str
    source: str | None
    """Its path on the host; None if each sandbox gets a mount of its own."""
    owner: int | None = None
    """The uid on the host that becomes `uid`; None: owners stay as they are."""
    group: int | None = None
    """The gid on the host that becomes the sandbox's; None: no group is mapped."""
    uid: int = 0
    writable: bool = False


def prepare(folders: Sequence[Lent], copies: Sequence[LentCopy], old: str) -> None:
    """Make the mount points, and bind the folders that have a source below `old`."""
    for folder in folders:
        os.makedirs(folder.target, exist_ok=True)
        with step(f"lend {folder.target}"):
            if folder.source is not None and folder.owner is None:
                bind = mounts.bind_writable if folder.writable else mounts.bind_read_only
                bind(old + folder.source, folder.target)
            elif folder.source is not None:
                bind_as(folder, old)
    for copy in copies:
        os.makedirs(copy.target)
        os.makedirs(copy.layer)
    if folders:
        os.makedirs(_EMPTY_FOLDER)
        os.close(os.open(_EMPTY_FILE, os.O_CREAT | os.O_WRONLY, 0o444))


def bind_as(folder: Lent, old: str) -> None:
    """Bind a folder with its owner mapped, if its file system can do that."""
    assert folder.source is not None
    assert folder.owner is not None
    idmap = namespaces.idmap(folder.owner, folder.group, folder.uid)
    try:
        descriptor = open_mapped(old + folder.source, idmap, writable=folder.writable)
    finally:
        os.close(idmap)
    mounts.attach(descriptor, folder.target)
    os.close(descriptor)


def open_mapped(source: str, idmap: int, *, writable: bool = False) -> int:
    """Return a detached mount of a folder; without the map where the file system has none."""
    try:
        return mounts.detached(source, idmap, writable=writable)
    except OSError as exc:
        if exc.errno not in (errno.EINVAL, errno.EPERM, errno.EOPNOTSUPP):
            raise
    return mounts.detached(source, None, writable=writable)


def hide(masks: Sequence[tuple[str, bool]]) -> None:
    """Cover each path by an empty file, or by an empty folder if the path is one."""
    for path, _ in masks:
        with step("hide names of a lent folder"):
            _hide(path)


def _hide(path: str) -> None:
    try:
        descriptor = os.open(path, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as exc:
        if exc.errno in _NOT_REACHED:
            return
        raise
    try:
        mode = os.fstat(descriptor).st_mode
        if not stat.S_ISLNK(mode):
            empty = _EMPTY_FOLDER if stat.S_ISDIR(mode) else _EMPTY_FILE
            mounts.bind(empty, f"/proc/self/fd/{descriptor}")
    finally:
        os.close(descriptor)


def lay_over(
    copies: Sequence[LentCopy], masks: Sequence[tuple[str, bool]], size: int, files: int
) -> list[LentCopy]:
    """Mount an overlay on each folder that is copied; return how each is copied.

    An overlay looks below the mounts that hide names, so they are hidden in it once more. Its
    sockets and pipes are not those of the folder. Where the kernel lets this user make none, the
    folder is to be copied file by file.
    """
    return [_lay_over(copy, masks, size, files) for copy in copies]


def _lay_over(copy: LentCopy, masks: Sequence[tuple[str, bool]], size: int, files: int) -> LentCopy:
    with step(f"mount {copy.layer}"):
        mounts.tmpfs(copy.layer, size, files, 0o700)
    upper, work = f"{copy.layer}/files", f"{copy.layer}/work"
    os.mkdir(work)
    os.mkdir(upper)
    os.chmod(upper, stat.S_IMODE(os.stat(copy.base).st_mode) & 0o777)
    try:
        mounts.overlay(copy.base, upper, work, copy.target)
    except OSError:
        with step(f"mount {copy.target}"):
            mounts.tmpfs(copy.target, size, files, 0o700)
        return copy._replace(layer="")
    mounts.remount_read_only(copy.layer)  # the overlay has a mount of its own
    above = copy.base + "/"
    hide(
        [
            (f"{copy.target}/{path[len(above) :]}", is_folder)
            for path, is_folder in masks
            if path.startswith(above)
        ]
    )
    return copy._replace(layer=upper)
