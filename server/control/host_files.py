"""Files of a lent folder on this machine, reached without following a link.

What a session names is not trusted: no path of it leads out of the folder, to a secret, or into
`.git`, whose hooks git runs.
"""

from __future__ import annotations

import os
import stat
from contextlib import contextmanager
from typing import TYPE_CHECKING

from bellglass.sandboxes.folders.hidden_names import is_hidden

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bellglass.sandboxes.folders.folder import Folder

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class NotApplied(Exception):
    """A file of this machine is left as it is; the text says why."""


def why_never(folder: Folder, path: str) -> str:
    """Return why a path is never written to, whatever a session has there; "" if it may be."""
    steps = path.split("/")
    if any(step in ("", ".", "..") or "\0" in step for step in steps):
        return "its path is not one below the folder"
    for step in steps:
        if step.casefold() == ".git":
            return "git runs what is in .git"
        if is_hidden(step, folder.show):
            return f"{step} usually holds secrets"
    return ""


class HostFolder:
    """A lent folder, held open."""

    def __init__(self, folder: Folder) -> None:
        self._root = os.open(folder.path, _FOLDER)
        self._owner = os.fstat(self._root)

    def close(self) -> None:
        os.close(self._root)

    def about(self, path: str) -> os.stat_result | None:
        """Return the status of a file; None if there is none.

        Raises:
            NotApplied: The path leads through a link.
        """
        try:
            with self._parent(path, make=False) as (folder, name):
                return os.stat(name, dir_fd=folder, follow_symlinks=False)
        except FileNotFoundError:
            return None

    def read(self, path: str) -> bytes:
        """Return the bytes of a file; none if there is no regular file."""
        about = self.about(path)
        if about is None or not stat.S_ISREG(about.st_mode):
            return b""
        with self._parent(path, make=False) as (folder, name):
            descriptor = os.open(name, os.O_RDONLY | _FILE, dir_fd=folder)
        with os.fdopen(descriptor, "rb") as file:
            return file.read()

    def write(self, path: str, data: bytes, *, executable: bool) -> os.stat_result:
        """Replace a file at once, or make it, and its folders; return its status."""
        before = self.about(path)
        mode = 0o644 if before is None else stat.S_IMODE(before.st_mode) & 0o777
        mode = mode | (mode & 0o444) >> 2 if executable else mode & ~0o111
        with self._parent(path, make=True) as (folder, name):
            hidden = f".{name[:100]}.{os.urandom(6).hex()}.part"
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _FILE
            descriptor = os.open(hidden, flags, 0o600, dir_fd=folder)
            try:
                with os.fdopen(descriptor, "wb") as file:
                    file.write(data)
                    self._give(file.fileno())
                    os.fchmod(file.fileno(), mode)
                os.rename(hidden, name, src_dir_fd=folder, dst_dir_fd=folder)
            except BaseException:
                os.unlink(hidden, dir_fd=folder)
                raise
            return os.stat(name, dir_fd=folder, follow_symlinks=False)

    def delete(self, path: str) -> None:
        with self._parent(path, make=False) as (folder, name):
            os.unlink(name, dir_fd=folder)

    def _give(self, descriptor: int) -> None:
        """Give what root makes to the owner of the folder."""
        if os.geteuid() == 0:
            os.fchown(descriptor, self._owner.st_uid, self._owner.st_gid)

    @contextmanager
    def _parent(self, path: str, *, make: bool) -> Iterator[tuple[int, str]]:
        *steps, name = path.split("/")
        current = os.dup(self._root)
        try:
            for step in steps:
                following = self._step(current, step, make)
                os.close(current)
                current = following
            yield current, name
        finally:
            os.close(current)

    def _step(self, parent: int, name: str, make: bool) -> int:
        try:
            return os.open(name, _FOLDER, dir_fd=parent)
        except FileNotFoundError:
            if not make:
                raise
            os.mkdir(name, 0o755, dir_fd=parent)
            made = os.open(name, _FOLDER, dir_fd=parent)
            self._give(made)
            return made
        except NotADirectoryError as exc:
            raise NotApplied(f"{name} is a link, or no folder") from exc
