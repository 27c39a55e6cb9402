"""Find what a session must not reach in a lent folder: secrets, sockets, pipes, devices, mounts.

A session sees an empty file or an empty folder in its place. Links are not followed: in a sandbox
they lead to what the sandbox itself has at that path.

A survey is made before each session. What a directory held is kept with the time of its last
change, so that the next survey reads only the directories that have changed since.
"""

from __future__ import annotations

import os
import stat
import time
from typing import TYPE_CHECKING, NamedTuple

from bellglass.sandboxes.folders.hidden_names import is_hidden

if TYPE_CHECKING:
    from bellglass.sandboxes.folders.folder import Folder

MAX_ENTRIES = 1_000_000
"""Entries of a folder: reading so many takes two seconds, once."""

MAX_DEPTH = 100

MAX_MASKS = 2_000
"""Names of a folder that are hidden. Each is a mount of every session."""

QUICK_DIRECTORIES = 200

_CLOCK_LAG_NS = 50_000_000
"""A directory that has changed so recently may change again at the same time stamp."""


class UnsuitableFolder(Exception):
    """A folder cannot be lent as it is now; the text says why."""

    @property
    def reason(self) -> str:
        return f"a folder cannot be lent any more: {self}. Change that, or lend another folder."


class Mask(NamedTuple):
    """A name that is hidden by something empty."""

    path: str
    """Relative to the folder."""
    is_folder: bool


class _Directory(NamedTuple):
    changed_ns: int
    inode: int
    entries: int
    below: list[tuple[str, bool]]
    """The folders in it, and whether they are below a `.git`."""
    masks: list[Mask]


class Survey:
    """What is to be hidden in one folder, as of the last look."""

    def __init__(self, folder: Folder) -> None:
        self.folder = folder
        self._known: dict[str, _Directory] = {}
        self.masks: list[Mask] = []

    @property
    def is_quick(self) -> bool:
        """Whether the next look takes less than a millisecond, if little has changed."""
        return 0 < len(self._known) <= QUICK_DIRECTORIES

    def look(self) -> list[Mask]:
        """Return what is to be hidden now.

        Raises:
            UnsuitableFolder: The folder is gone, or there is too much in it.
        """
        known, self._known = self._known, {}
        masks: set[Mask] = set(self._mount_points())
        left = [("", False)]
        entries = 0
        while left:
            path, below_git = left.pop()
            found = self._directory(path, below_git, known.get(path))
            if found is None:
                if not path:
                    raise UnsuitableFolder("it cannot be read")
                continue  # deleted meanwhile, or closed to whoever runs the server
            self._known[path] = found
            masks.update(found.masks)
            left += found.below
            entries += found.entries
            if entries > MAX_ENTRIES:
                raise UnsuitableFolder(f"it has more than {MAX_ENTRIES:,} entries")
        if len(masks) > MAX_MASKS:
            raise UnsuitableFolder(
                f"it has {len(masks):,} names that would be hidden, and {MAX_MASKS:,} can be: "
                "docs/folders.md lists them"
            )
        self.masks = _outermost(masks)
        return self.masks

    def _directory(self, path: str, below_git: bool, known: _Directory | None) -> _Directory | None:
        """Return what is in a directory; from `known` if it has not changed."""
        full = os.path.join(self.folder.path, path)
        flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        try:
            if known is not None:
                about = os.lstat(full)
                if (about.st_mtime_ns, about.st_ino) == (known.changed_ns, known.inode):
                    return known
            descriptor = os.open(full, flags)
        except OSError:
            return None
        try:
            about = os.fstat(descriptor)
            settled = time.time_ns() - about.st_mtime_ns > _CLOCK_LAG_NS
            changed_ns = about.st_mtime_ns if settled else -1
            found = _Directory(changed_ns, about.st_ino, 0, [], [])
            return self._read(descriptor, path, below_git, found)
        except OSError:
            return None
        finally:
            os.close(descriptor)

    def _read(self, descriptor: int, path: str, below_git: bool, found: _Directory) -> _Directory:
        show = self.folder.show
        prefix = f"{path}/" if path else ""
        count = 0
        with os.scandir(descriptor) as entries:
            for entry in entries:
                count += 1
                name = entry.name
                is_folder = entry.is_dir(follow_symlinks=False)
                if is_hidden(name, show, below_git=below_git):
                    found.masks.extend(self._secret(prefix + name, is_folder, entry))
                elif is_folder:
                    if prefix.count("/") >= MAX_DEPTH:
                        raise UnsuitableFolder(f"it is nested deeper than {MAX_DEPTH} folders")
                    found.below.append((prefix + name, below_git or name.casefold() == ".git"))
                elif not entry.is_file(follow_symlinks=False) and not entry.is_symlink():
                    found.masks.append(Mask(prefix + name, False))
        return found._replace(entries=count)

    def _secret(self, path: str, is_folder: bool, entry: os.DirEntry[str]) -> list[Mask]:
        """Return the masks for a name that is hidden; of a link, what it leads to."""
        if not entry.is_symlink():
            return [Mask(path, is_folder)]
        root = self.folder.path
        target = os.path.realpath(os.path.join(root, path))
        try:
            mode = os.lstat(target).st_mode
        except OSError:
            return []
        if target.startswith(root + "/"):
            return [Mask(target.removeprefix(root + "/"), stat.S_ISDIR(mode))]
        return []  # it leads out of the folder, so to nothing of the host

    def _mount_points(self) -> list[Mask]:
        """Return the mounts below the folder, which are none of it."""
        root = self.folder.path + "/"
        found = []
        with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as file:
            for line in file:
                point = line.split(" ", 5)[4]
                if "\\" in point:  # proc(5): space, tab, newline and backslash are in octal
                    point = point.encode("latin-1", "surrogateescape").decode("unicode_escape")
                    point = os.fsdecode(point.encode("latin-1"))
                if point.startswith(root):
                    found.append(Mask(point.removeprefix(root), os.path.isdir(point)))
        return found


def _outermost(masks: set[Mask]) -> list[Mask]:
    """Return the masks in order, without those below another."""
    kept: list[Mask] = []
    for mask in sorted(masks, key=lambda mask: mask.path.split("/")):
        above = kept[-1].path + "/" if kept else ""
        if not above or not mask.path.startswith(above):
            kept.append(mask)
    return kept
