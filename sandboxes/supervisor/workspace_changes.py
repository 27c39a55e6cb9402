"""Find the files that a call has created, changed or deleted, in the workspace and in lent copies.

The whole workspace is scanned after a call and compared with the scan before. Its contents are
hostile: no link is followed, only directories are opened, and a scan is bounded.
"""

from __future__ import annotations

import os
import stat
import time
from typing import TYPE_CHECKING, Any, Literal

from bellglass.sandboxes.common.lent_copies import CACHES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bellglass.sandboxes.common.lent_copies import LentCopy
    from bellglass.sandboxes.wire.schema.execution import FileChanges

Change = Literal["new", "changed", "deleted"]

MAX_ENTRIES = 20_000
"""Entries of one scan; a session may have 32,768 files."""

MAX_DEPTH = 32
"""Depth of nested folders; the descriptor of each is held open."""

MAX_LOOK_CPU_SECONDS = 0.15
"""CPU time of one scan: a busy machine must not hide a change. A thousand files take 4 ms."""

ENTRIES_PER_CLOCK_LOOK = 64
"""Entries between two checks of the clock."""

MAX_LISTED_ENTRIES = 100
MAX_LISTED_CHARACTERS = 20_000
"""Entries of one report, and characters of their paths; the rest is counted."""

FILE_CLOCK_LAG_NS = 20_000_000
"""The lag of a file's time: the kernel takes it from its last tick, 10 ms ago at most."""

CLOSED = frozenset({".git", ".local", ".venv", "venv", "node_modules", "site-packages"})
"""Folders with thousands of generated files, which are reported as one entry."""

FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class WorkspaceSnapshot:
    """The state at one time: a mark for each path, which differs if the file changed."""

    def __init__(self, roots: Sequence[tuple[str, str]]) -> None:
        """Scan each root, and prefix its paths with the text beside it."""
        self.marks: dict[str, int] = {}
        self.sizes: dict[str, int] = {}
        """The marks of regular files."""
        self.times: dict[str, int] = {}
        """When each path last changed (ctime), in ns."""
        self.whiteouts: set[str] = set()
        """Paths that an overlay marks as deleted."""
        self.cut = False
        """Whether the scan reached a bound."""
        self._until = time.thread_time() + MAX_LOOK_CPU_SECONDS
        for root, prefix in roots:
            self._scan(root, prefix)

    def _scan(self, root: str, prefix: str) -> None:
        try:
            top = os.open(root, FOLDER)
        except OSError:
            self.cut = True
            return
        try:
            self._into(top, prefix, 0)
        finally:
            os.close(top)

    def _into(self, folder: int, prefix: str, depth: int) -> None:
        below = []
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    if self._is_enough():
                        self.cut = True
                        return
                    if self._note(entry, prefix):
                        below.append(entry.name)
        except OSError:
            self.cut = True
        for name in below:
            if self.cut:
                return
            if depth == MAX_DEPTH:
                self.cut = True
                return
            try:
                # It may have become a link, or be closed to us.
                inner = os.open(name, FOLDER, dir_fd=folder)
            except OSError:
                continue
            try:
                self._into(inner, f"{prefix}{name}/", depth + 1)
            finally:
                os.close(inner)

    def _is_enough(self) -> bool:
        count = len(self.marks)
        return count >= MAX_ENTRIES or (
            count % ENTRIES_PER_CLOCK_LOOK == 0 and time.thread_time() > self._until
        )

    def _note(self, entry: os.DirEntry[str], prefix: str) -> bool:
        """Add one entry; tell if it is a folder to scan."""
        try:
            about = entry.stat(follow_symlinks=False)
        except OSError:
            return False  # deleted meanwhile
        path, looked_into = prefix + entry.name, False
        mark: tuple[int, ...] = (about.st_ino,)
        if stat.S_ISDIR(about.st_mode):
            if entry.name in CACHES:
                return False
            path += "/"
            looked_into = entry.name not in CLOSED
        if not looked_into:
            mark = (about.st_ino, about.st_size, about.st_mtime_ns, about.st_ctime_ns)
        if stat.S_ISREG(about.st_mode):
            self.sizes[path] = about.st_size
        elif stat.S_ISCHR(about.st_mode) and not about.st_rdev:
            self.whiteouts.add(path)
        self.marks[path] = hash(mark)
        self.times[path] = about.st_ctime_ns
        return looked_into


class Changes:
    """The scans of a workspace, before and after its calls."""

    def __init__(self, workspace: str, copies: Sequence[LentCopy] = ()) -> None:
        self._roots = [(workspace, "")]
        self._roots += [(copy.layer or copy.target, f"{copy.target}/") for copy in copies]
        self._layered = [copy for copy in copies if copy.layer]
        self._before: WorkspaceSnapshot | None = None
        self._since = 0

    def expect(self) -> None:
        """Scan before a call, unless nothing can have changed since the last scan."""
        if self._before is None:
            self._before = WorkspaceSnapshot(self._roots)
        self._since = time.time_ns() - FILE_CLOCK_LAG_NS

    def forget(self) -> None:
        """Note that something other than a call changed files: scan again before the next."""
        self._before = None

    def report(self) -> FileChanges:
        """Return what changed since `expect`."""
        before, after = self._before, WorkspaceSnapshot(self._roots)
        self._before = after
        if before is None:
            return {}
        found = [*_appeared(before, after, self._since), *_deleted(before, after)]
        if self._layered:
            found = [self._in_overlay(path, change, after) for path, change in found]
        after.times = {}  # no longer needed, and it uses memory of the session
        listed = _bounded(found)
        return {
            "files": [
                {
                    "path": path,
                    "bytes": after.sizes.get(path, 0),
                    "change": change,
                    "readable": path in after.sizes and _is_text(path),
                }
                for path, change in listed
            ],
            "files_left_out": len(found) - len(listed),
            "files_unseen": after.cut,
        }

    def _in_overlay(
        self, path: str, change: Change, after: WorkspaceSnapshot
    ) -> tuple[str, Change]:
        """Return what a change of a layer means for the files that code sees."""
        for copy in self._layered:
            if path.startswith(f"{copy.target}/"):
                lent = os.path.lexists(f"{copy.base}{path[len(copy.target) :]}")
                if path in after.whiteouts:
                    return path, "deleted"
                return path, ("changed" if lent else "new") if change != "deleted" else change
        return path, change


def _bounded(found: list[tuple[str, Change]]) -> list[tuple[str, Change]]:
    room, kept = MAX_LISTED_CHARACTERS, []
    for path, change in found[:MAX_LISTED_ENTRIES]:
        room -= len(path)
        if room < 0:
            break
        kept.append((path, change))
    return kept


def _is_text(path: str) -> bool:
    """Tell if a name is UTF-8, as a URI requires."""
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True


def _appeared(
    before: WorkspaceSnapshot, after: WorkspaceSnapshot, since: int
) -> list[tuple[str, Change]]:
    new: list[str] = []
    changed: list[str] = []
    for path, mark in after.marks.items():
        known = before.marks.get(path)
        if known is None:
            # A truncated scan lacks files that existed before.
            if not before.cut or after.times[path] >= since:
                new.append(path)
        elif known != mark:
            changed.append(path)
    # A changed folder is reported by its new entries.
    reported = _parents(path for path in new)
    new = [path for path in new if path not in reported]
    return [
        *((path, "new") for path in sorted(new, key=_order)),
        *((path, "changed") for path in sorted(changed, key=_order)),
    ]


def _deleted(before: WorkspaceSnapshot, after: WorkspaceSnapshot) -> list[tuple[str, Change]]:
    if after.cut:
        return []
    gone = before.marks.keys() - after.marks.keys()
    # The entries of a deleted folder are reported by the folder.
    whole = {path for path in gone if path.endswith("/")}
    reported = [path for path in gone if not whole.intersection(_parents([path]))]
    return [(path, "deleted") for path in sorted(reported, key=_order)]


def _parents(paths: Any) -> set[str]:
    found: set[str] = set()
    for path in paths:
        at = path.rfind("/", 0, -1)
        while at >= 0 and (parent := path[: at + 1]) not in found:
            found.add(parent)
            at = path.rfind("/", 0, at)
    return found


def _order(path: str) -> tuple[int, str]:
    """Sort shallow paths first: a requested file is seldom deep down."""
    return path.rstrip("/").count("/"), path
