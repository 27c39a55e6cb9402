"""Read files of the session, in a process with the rights of its code."""

from __future__ import annotations

import base64
import os
import stat
from collections.abc import Callable
from typing import Any

from bellglass.sandboxes.common.jobs import Job
from bellglass.sandboxes.common.limits import MAX_PART_BYTES
from bellglass.tools.files.inside import safe_path

DEFAULT_PART_BYTES = 600_000
"""Bytes of an answer by default: in base64 below the 900 kB that clients accept."""

MAX_LISTED_NAMES = 500
"""Names in one answer."""

MAX_ENTRIES = 50_000
"""Entries that a list examines; a session has no more files."""

Message = dict[str, Any]
Send = Callable[[Message], None]


def read(arguments: Message, send: Send) -> None:
    """Send a part of the file `path`: `size`, `stamp` and, in base64, `data` from `offset` on.

    The part has at most `bytes`; a negative offset counts from the end. For a folder, if `folders`
    is set, send `entries`: names and sizes, in order, from the entry with the number `offset` on.
    The stamp changes when the file does. What cannot be read is answered with a `refusal`.
    """
    try:
        spot = safe_path.follow(arguments["path"])
        fd = spot.open(os.O_RDONLY)
        about = os.fstat(fd)
        if stat.S_ISDIR(about.st_mode) and arguments.get("folders"):
            prefix = arguments.get("prefix", "")
            send(_listing(fd, max(0, arguments["offset"]), prefix))
            return
        safe_path.regular(about)
        offset, most = arguments["offset"], arguments.get("bytes", DEFAULT_PART_BYTES)
        if offset < 0:  # so that bytes that are added meanwhile are not part of it
            offset, most = max(0, about.st_size + offset), min(most, -offset)
        data = os.pread(fd, min(most, MAX_PART_BYTES), offset)
    except safe_path.Refused as exc:
        send({"refusal": str(exc)})
    except FileNotFoundError as exc:
        send({"refusal": exc.strerror, "kind": "missing"})
    except OSError as exc:
        send({"refusal": exc.strerror or "it cannot be read"})
    except (ValueError, OverflowError):
        send({"refusal": "its name or the offset is invalid"})
    else:
        part = {"size": about.st_size, "offset": offset, "stamp": stamp(about)}
        send({**part, "data": base64.b64encode(data).decode()})


def stamp(about: os.stat_result) -> str:
    return f"{about.st_ino:x}-{about.st_mtime_ns:x}-{about.st_size:x}"


def _listing(fd: int, start: int, prefix: str) -> Message:
    found: list[tuple[str, int]] = []
    with os.scandir(fd) as entries:
        for number, entry in enumerate(entries):
            if number >= MAX_ENTRIES:
                break
            if not entry.name.startswith(prefix):
                continue
            try:
                about = entry.stat(follow_symlinks=False)
            except OSError:
                continue  # deleted meanwhile
            if stat.S_ISDIR(about.st_mode):
                found.append((entry.name + "/", 0))
            else:
                found.append((entry.name, about.st_size))
    found.sort()
    return {"entries": found[start : start + MAX_LISTED_NAMES], "size": len(found), "offset": start}


JOB = Job(read)
