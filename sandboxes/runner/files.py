"""A part of one file of the session, read by a process that may read what its code may."""

from __future__ import annotations

import base64
import os
import stat
from collections.abc import Callable
from typing import Any

PART_BYTES = 600_000
"""Of one answer: in base64 still below the 900 kB that clients take."""


def read(arguments: dict[str, Any], send: Callable[[dict[str, Any]], None]) -> None:
    """Send `size` and, in base64, `data` of the file `path` from `offset` on, or a `refusal`.

    A relative path starts in the workspace. Only a regular file is read: a pipe or a device could
    be endless, or wait for ever.
    """
    try:
        # Not blocking: the name may be a pipe's, whatever it was when it was looked up.
        fd = os.open(arguments["path"], os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
        about = os.fstat(fd)
        if not stat.S_ISREG(about.st_mode):
            what = "a directory" if stat.S_ISDIR(about.st_mode) else "no regular file"
            send({"refusal": f"it is {what}"})
            return
        data = os.pread(fd, PART_BYTES, arguments["offset"])
    except OSError as exc:
        send({"refusal": exc.strerror or "it cannot be read"})
    except (ValueError, OverflowError):
        send({"refusal": "its name or the offset is invalid"})
    else:
        send({"size": about.st_size, "data": base64.b64encode(data).decode()})
