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
    """Write `data`, in base64, to the file `path`, making folders; send its `size` and `sha256`.

    `offset`: where in the file the data goes. 0 replaces the file; another must be its size, so
    that a part that is missing or comes twice is found out. A part that is there already, because
    the same call was made twice, is left as it is and told as `repeated`.
    `upload`: the same with a hidden file, which begins anew at offset 0 unless there is `more`, and
    which a last part with `finish` makes the file, if `sha256` is its checksum or null.
    A refusal may have a `kind`: "full", or "offset" with the `size` that the file has.
    """
    spot: DirEntryAt | None = None
    try:
        spot = safe_path.follow(arguments["path"], make=True)
        if spot.name == ".":
            raise Refused("it is a directory")
        about = spot.about()
        if about is not None:
            safe_path.regular(about)
        data = base64.b64decode(arguments["data"])
        if arguments.get("upload"):
            answer = _upload(spot, data, about, arguments)
        elif arguments["offset"]:
            answer = _add(spot, data, arguments["offset"])
            answer["sha256"] = _sum(spot)
        else:
            answer = _replace(spot, data, about)
        send(answer)
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


def _replace(spot: DirEntryAt, data: bytes, about: os.stat_result | None) -> Message:
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


def _upload(
    spot: DirEntryAt, data: bytes, about: os.stat_result | None, arguments: Message
) -> Message:
    hidden = DirEntryAt(spot.folder, f".{spot.name}.part")
    if arguments.get("abandon"):
        _unlink(hidden)
        return {"size": 0}
    if arguments["offset"] == 0 and not arguments.get("more") and not arguments.get("finish"):
        _unlink(hidden)
        fd = hidden.open(os.O_WRONLY | os.O_CREAT | os.O_EXCL)
        _write(fd, data, 0)
        return {"size": len(data)}
    answer = _add(hidden, data, arguments["offset"])
    if arguments.get("finish"):
        answer["sha256"] = found = _sum(hidden)
        if None not in (found, arguments["sha256"]) and found != arguments["sha256"]:
            _unlink(hidden)
            raise Refused("it was changed by something else while it was written")
        if about is not None:
            os.chmod(hidden.name, stat.S_IMODE(about.st_mode) & 0o777, dir_fd=spot.folder)
        os.rename(hidden.name, spot.name, src_dir_fd=spot.folder, dst_dir_fd=spot.folder)
    return answer


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
