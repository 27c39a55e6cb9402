"""Write files of the session, in a process with the rights of its code.

A file is replaced atomically: its contents go to a hidden file beside it, which then takes its
name.
"""

from __future__ import annotations

import base64
import errno
import os
import stat
from collections.abc import Callable
from typing import Any

from bellglass.sandboxes.common.jobs import Job
from bellglass.tools.files.inside import safe_path
from bellglass.tools.files.inside.safe_path import DirEntryAt, Refused

WRITE_BYTES = 1 << 20

MAX_SUMMED_BYTES = 2 * 1024**3
"""Bytes of a file up to which a checksum is reported: it takes two seconds."""

Message = dict[str, Any]
Send = Callable[[Message], None]


def write(arguments: Message, send: Send) -> None:
    """Do what `do` names to the file `path`; send its `size` by then, or a `refusal`.

    At once: `replace` the file by `data`, in base64, making folders; `extend` it by `data`. In
    parts, as an upload that becomes the file at its end: `begin` it anew; `append` `data`; `commit`
    it if `sha256` is its checksum or null; `abort` it; `stat` how much is there.
    `offset` is the size so far, for all that go on with something. So a part that is missing or
    comes twice is found out: one that is there already is left as it is, and told as `repeated`.
    A refusal may have a `kind`: "full", "missing", or "offset" with the `size` so far.
    """
    spot: DirEntryAt | None = None
    try:
        operation = _OPERATIONS[arguments["do"]]
        spot = safe_path.follow(arguments["path"], make=operation in (_replace, _extend, _begin))
        if spot.name == ".":
            raise Refused("it is a directory")
        about = spot.about()
        if about is not None:
            safe_path.regular(about)
        send(operation(spot, about, arguments))
    except WrongOffset as exc:
        send({"refusal": str(exc), "kind": "offset", "size": exc.size})
    except Refused as exc:
        send({"refusal": str(exc)})
    except OSError as exc:
        kind = "full" if exc.errno in FULL else "missing" if exc.errno == errno.ENOENT else None
        send({"refusal": _reason(exc, spot), "kind": kind})
    except (ValueError, OverflowError):
        send({"refusal": "its name or the offset is invalid"})


FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class WrongOffset(Refused):
    def __init__(self, size: int) -> None:
        super().__init__(f"it has {size:,} bytes, so the next part has the offset {size}")
        self.size = size


# --- at once


def _replace(spot: DirEntryAt, about: os.stat_result | None, arguments: Message) -> Message:
    data = base64.b64decode(arguments["data"])
    hidden = DirEntryAt(spot.folder, f".{os.urandom(8).hex()}.part")
    fd = hidden.open(os.O_WRONLY | os.O_CREAT | os.O_EXCL)
    try:
        if about is not None:
            os.fchmod(fd, stat.S_IMODE(about.st_mode) & 0o777)
        _write(fd, data, 0)
        os.rename(hidden.name, spot.name, src_dir_fd=spot.folder, dst_dir_fd=spot.folder)
    except OSError:
        os.unlink(hidden.name, dir_fd=spot.folder)
        raise
    return {"size": len(data), "sha256": _digest([data])}


def _extend(spot: DirEntryAt, about: os.stat_result | None, arguments: Message) -> Message:
    answer = _add(spot, base64.b64decode(arguments["data"]), arguments["offset"])
    return {**answer, "sha256": _sum(spot)}


# --- as an upload


def _upload(spot: DirEntryAt) -> DirEntryAt:
    """Return the hidden file beside `spot` that an upload goes to."""
    return DirEntryAt(spot.folder, f".{spot.name}.part")


def _begin(spot: DirEntryAt, about: os.stat_result | None, arguments: Message) -> Message:
    hidden = _upload(spot)
    _unlink(hidden)
    hidden.open(os.O_WRONLY | os.O_CREAT | os.O_EXCL)
    return {"size": 0}


def _append(spot: DirEntryAt, about: os.stat_result | None, arguments: Message) -> Message:
    return _add(_upload(spot), base64.b64decode(arguments["data"]), arguments["offset"])


def _commit(spot: DirEntryAt, about: os.stat_result | None, arguments: Message) -> Message:
    hidden, wanted = _upload(spot), arguments["sha256"]
    size = _size(hidden)
    if size != arguments["offset"]:
        raise WrongOffset(size)
    found = _sum(hidden)
    if None not in (found, wanted) and found != wanted:
        _unlink(hidden)
        raise Refused("it was changed by something else while it was written")
    if about is not None:
        os.chmod(hidden.name, stat.S_IMODE(about.st_mode) & 0o777, dir_fd=spot.folder)
    os.rename(hidden.name, spot.name, src_dir_fd=spot.folder, dst_dir_fd=spot.folder)
    return {"size": size, "sha256": found}


def _abort(spot: DirEntryAt, about: os.stat_result | None, arguments: Message) -> Message:
    _unlink(_upload(spot))
    return {"size": 0}


def _stat(spot: DirEntryAt, about: os.stat_result | None, arguments: Message) -> Message:
    return {"size": _size(_upload(spot))}


_OPERATIONS: dict[str, Callable[[DirEntryAt, os.stat_result | None, Message], Message]] = {
    "replace": _replace,
    "extend": _extend,
    "begin": _begin,
    "append": _append,
    "commit": _commit,
    "abort": _abort,
    "stat": _stat,
}

# --- what they have in common


def _size(spot: DirEntryAt) -> int:
    about = os.fstat(spot.open(os.O_RDONLY))
    safe_path.regular(about)
    return about.st_size


def _add(spot: DirEntryAt, data: bytes, offset: int) -> Message:
    """Add `data` at the end of a file, which has to be at `offset`."""
    fd = spot.open(os.O_RDWR)
    about = os.fstat(fd)
    safe_path.regular(about)
    size = about.st_size
    if size == offset + len(data) and os.pread(fd, len(data), offset) == data:
        return {"size": size, "repeated": True}
    if size != offset:
        raise WrongOffset(size)
    try:
        _write(fd, data, offset)
    except OSError:
        os.ftruncate(fd, offset)
        raise
    return {"size": offset + len(data)}


def _write(fd: int, data: bytes, offset: int) -> None:
    left = memoryview(data)
    while left:
        written = os.pwrite(fd, left[:WRITE_BYTES], offset)
        left, offset = left[written:], offset + written


def _unlink(spot: DirEntryAt) -> None:
    try:
        os.unlink(spot.name, dir_fd=spot.folder)
    except FileNotFoundError:
        pass


def _sum(spot: DirEntryAt) -> str | None:
    fd = spot.open(os.O_RDONLY)
    size = os.fstat(fd).st_size
    if size > MAX_SUMMED_BYTES:
        return None
    return _digest(os.pread(fd, WRITE_BYTES, at) for at in range(0, size, WRITE_BYTES))


def _digest(pieces: Any) -> str:
    import hashlib

    digest = hashlib.sha256()
    for piece in pieces:
        digest.update(piece)
    return digest.hexdigest()


def _reason(exc: OSError, spot: DirEntryAt | None) -> str:
    if exc.errno == errno.EFBIG:
        return "it would be larger than a file of the session may be"
    if exc.errno in FULL:
        found = os.statvfs("." if spot is None else spot.folder)
        if found.f_bavail and not found.f_favail:
            return f"the session has as many files as it may have ({found.f_files:,})"
        total = found.f_blocks * found.f_frsize
        return f"the disk of the session is full ({total // 1024**2:,} MiB in all)"
    return exc.strerror or "it cannot be written"


JOB = Job(write, writes=True)
