"""List what a session has changed in its copy of a lent folder."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from typing import Any

from bellglass.sandboxes.common.jobs import Job
from bellglass.sandboxes.common.lent_copies import BASES, CACHES, LAYERS, ROOT

MAX_CHANGES = 2_000

MAX_DEPTH = 100

Message = dict[str, Any]
Send = Callable[[Message], None]


def changes(arguments: Message, send: Send) -> None:
    """Send the `changes` of the folder `name`: path, what changed, kind, bytes and mode of each.

    `cut` tells if there are more than the answer has.
    """
    name = arguments["name"]
    base, target = f"{BASES}/{name}", f"{ROOT}/{name}"
    layer = f"{LAYERS}/{name}/files"
    try:
        found = _of_layer(layer, base, "") if os.path.isdir(layer) else _of_copy(target, base, "")
        listed: list[Message] = []
        for change in found:
            if len(listed) == MAX_CHANGES:
                break
            listed.append(change)
        else:
            send({"changes": listed, "cut": False})
            return
        send({"changes": listed, "cut": True})
    except OSError as exc:
        send({"refusal": exc.strerror or "it cannot be read"})


def _of_layer(layer: str, base: str, path: str, depth: int = 0) -> Iterator[Message]:
    """Yield what a folder of an overlay's layer holds: files that differ, and deleted names."""
    for name in _names(f"{layer}/{path}"):
        inner = f"{path}/{name}" if path else name
        about = os.lstat(f"{layer}/{inner}")
        lent = _about(f"{base}/{inner}")
        if stat.S_ISCHR(about.st_mode) and not about.st_rdev:
            yield from _deleted(base, inner, lent)
        elif stat.S_ISDIR(about.st_mode):
            if lent is not None and not stat.S_ISDIR(lent.st_mode):
                yield _change(inner, "deleted", lent)
            if depth < MAX_DEPTH:
                compare = _of_copy if _is_opaque(f"{layer}/{inner}") else _of_layer
                yield from compare(layer, base, inner, depth + 1)
        elif lent is None or not _is_same(f"{layer}/{inner}", about, f"{base}/{inner}", lent):
            yield _change(inner, "new" if lent is None else "changed", about)


def _is_opaque(folder: str) -> bool:
    """Whether an overlay shows nothing of the lent folder here: it was deleted and made anew."""
    try:
        return os.getxattr(folder, "user.overlay.opaque") == b"y"
    except OSError:
        return False


def _of_copy(target: str, base: str, path: str, depth: int = 0) -> Iterator[Message]:
    """Yield the differences between a folder of the copy and that of the lent folder."""
    now = {*_names(f"{target}/{path}")}
    for name in sorted(now | {*_names(f"{base}/{path}")}):
        inner = f"{path}/{name}" if path else name
        lent, about = _about(f"{base}/{inner}"), _about(f"{target}/{inner}")
        if lent is not None and stat.S_ISCHR(lent.st_mode):
            continue  # covers a name that is hidden
        if about is None:
            yield from _deleted(base, inner, lent)
        elif stat.S_ISDIR(about.st_mode):
            if lent is not None and not stat.S_ISDIR(lent.st_mode):
                yield _change(inner, "deleted", lent)
            if depth < MAX_DEPTH:
                yield from _of_copy(target, base, inner, depth + 1)
        elif lent is None or not _is_same(f"{target}/{inner}", about, f"{base}/{inner}", lent):
            yield _change(inner, "new" if lent is None else "changed", about)


def _deleted(base: str, path: str, lent: os.stat_result | None) -> Iterator[Message]:
    """Yield a deleted name of the lent folder; of a folder, each file in it."""
    if lent is None:
        return
    if not stat.S_ISDIR(lent.st_mode):
        yield _change(path, "deleted", lent)
        return
    for name in _names(f"{base}/{path}"):
        yield from _deleted(base, f"{path}/{name}", _about(f"{base}/{path}/{name}"))


def _names(folder: str) -> list[str]:
    try:
        return sorted(name for name in os.listdir(folder) if name not in CACHES)
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return []


def _about(path: str) -> os.stat_result | None:
    try:
        return os.lstat(path)
    except OSError:
        return None


def _is_same(path: str, about: os.stat_result, other: str, lent: os.stat_result) -> bool:
    if stat.S_IFMT(about.st_mode) != stat.S_IFMT(lent.st_mode):
        return False
    if stat.S_ISLNK(about.st_mode):
        return os.readlink(path) == os.readlink(other)
    if not stat.S_ISREG(about.st_mode):
        return True
    if about.st_size != lent.st_size or (about.st_mode ^ lent.st_mode) & 0o111:
        return False
    if about.st_mtime_ns == lent.st_mtime_ns:
        return True
    with open(path, "rb") as one, open(other, "rb") as two:
        while piece := one.read(1 << 20):
            if piece != two.read(1 << 20):
                return False
    return True


def _change(path: str, change: str, about: os.stat_result) -> Message:
    kind = "file" if stat.S_ISREG(about.st_mode) else "other"
    if stat.S_ISLNK(about.st_mode):
        kind = "link"
    return {
        "path": path,
        "change": change,
        "kind": kind,
        "bytes": about.st_size,
        "executable": bool(about.st_mode & 0o100),
    }


JOB = Job(changes)
