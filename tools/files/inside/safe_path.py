"""Follow a path from a client step by step, so that it cannot leave its folder.

openat2(RESOLVE_BENEATH) does not work: older kernels, gVisor and some filters refuse it, and it
follows no absolute link, such as `ln -s /work/data latest` makes. Each step here starts from a
descriptor that is held open, and `..` goes back to the one before, so it does not matter what is
renamed or replaced meanwhile.
"""

from __future__ import annotations

import errno
import os
import stat

SCRATCH = "/tmp"
"""The other folder that a path may lie in, because files with cut output are there."""

LENT = "/folders"
"""Folders of the user's machine that an operator lends, each below it."""

MAX_LINKS = 40  # Linux's own limit, path_resolution(7)

MAX_DEPTH = 200
"""Depth of nested folders; the descriptor of each is held open."""

FOLDER = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC

QUIET = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
"""Flags for a name that may be a pipe, a device or a link, whatever it was before."""


class Refused(Exception):
    """A path cannot be used; the text says why, as the end of a sentence."""


class DirEntryAt:
    """A name in a folder that is held open."""

    def __init__(self, folder: int, name: str) -> None:
        self.folder = folder
        self.name = name

    def open(self, flags: int) -> int:
        """Open the entry, unless it has become a link."""
        return os.open(self.name, flags | QUIET, 0o666, dir_fd=self.folder)

    def about(self) -> os.stat_result | None:
        """Return the entry's status; None if it does not exist."""
        try:
            return os.stat(self.name, dir_fd=self.folder, follow_symlinks=False)
        except FileNotFoundError:
            return None


def follow(path: str, *, make: bool = False) -> DirEntryAt:
    """Return the entry that `path` leads to, with all links followed; it need not exist.

    A relative path starts in the workspace, which is the working directory. `make`: create missing
    folders on the way.

    Raises:
        Refused: It leads out of the workspace and of /tmp.
        OSError: It cannot be followed.
    """
    top, rest = _rooted(path)
    folders = [os.open(top, FOLDER)]
    steps = rest.split("/")[::-1]
    links = 0
    try:
        while steps:
            name = steps.pop()
            if name in ("", "."):
                continue
            if name == "..":
                if len(folders) == 1:
                    raise Refused("it is outside the working directory, or leads out of it")
                os.close(folders.pop())
                continue
            target = _link(name, folders[-1])
            if target is not None:
                links += 1
                if links > MAX_LINKS:
                    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
                if target.startswith("/"):
                    top, target = _rooted(target)
                    folders.append(os.open(top, FOLDER))
                    _close(folders[:-1])
                    folders = folders[-1:]
                steps += target.split("/")[::-1]
            elif any(step not in ("", ".") for step in steps):
                if len(folders) > MAX_DEPTH:
                    raise Refused(f"it has more than {MAX_DEPTH} folders")
                folders.append(_folder(name, folders[-1], make))
            else:
                return DirEntryAt(os.dup(folders[-1]), name)
        return DirEntryAt(os.dup(folders[-1]), ".")
    finally:
        _close(folders)


def _rooted(path: str) -> tuple[str, str]:
    """Return the folder that `path` starts in, and the rest of it."""
    if "\0" in path or not path:
        raise Refused("its name is invalid")
    if not path.startswith("/"):
        return ".", path
    for root in (os.getcwd(), SCRATCH, LENT):
        if path == root or path.startswith(root + "/"):
            return root, path[len(root) + 1 :]
    raise Refused("it is outside the working directory, or leads out of it")


def _link(name: str, folder: int) -> str | None:
    """Return the target of a link; None for anything else."""
    try:
        return os.readlink(name, dir_fd=folder)
    except OSError as exc:
        if exc.errno in (errno.EINVAL, errno.ENOENT):
            return None
        raise


def _folder(name: str, parent: int, make: bool) -> int:
    if make:
        try:
            os.mkdir(name, dir_fd=parent)
        except FileExistsError:
            pass
    return os.open(name, FOLDER, dir_fd=parent)


def _close(descriptors: list[int]) -> None:
    for fd in descriptors:
        os.close(fd)


def regular(about: os.stat_result) -> None:
    """Refuse anything but a regular file: a pipe or a device could be endless, or block forever."""
    if stat.S_ISDIR(about.st_mode):
        raise Refused("it is a directory")
    if not stat.S_ISREG(about.st_mode):
        raise Refused("it is not a regular file")
