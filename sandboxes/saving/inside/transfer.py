"""The job that hands an archive over: through a named pipe to or from a process of the session."""

from __future__ import annotations

import base64
import errno
import os
import select
import time
from collections.abc import Callable
from typing import Any

from bellglass.sandboxes.common.jobs import Job
from bellglass.sandboxes.common.limits import MAX_PART_BYTES
from bellglass.sandboxes.saving.inside.places import DONE, PIPE

WAIT_SECONDS = 2.0
"""For the other end; the server asks again for as long as it likes."""

READ_BYTES = 1 << 20

Message = dict[str, Any]
Send = Callable[[Message], None]


def transfer(arguments: Message, send: Send) -> None:
    """Put `data`, in base64, into the pipe; or without it, take what is there out of it.

    Send how many bytes were `put`; or the next `data`, and whether that was its `end`.
    """
    deadline = time.monotonic() + WAIT_SECONDS
    if "data" in arguments:
        send({"put": _put(base64.b64decode(arguments["data"]), deadline)})
    else:
        data, end = _take(deadline)
        send({"data": base64.b64encode(data).decode(), "end": end})


def _put(data: bytes, deadline: float) -> int:
    fd = _opened(os.O_WRONLY, deadline)
    if fd is None:
        return 0
    poll = select.poll()
    poll.register(fd, select.POLLOUT)
    left = memoryview(data)
    while left and poll.poll(max(0.0, deadline - time.monotonic()) * 1000):
        try:
            written = os.write(fd, left[:READ_BYTES])
        except BlockingIOError:
            continue
        except BrokenPipeError:
            break
        left = left[written:]
        deadline = time.monotonic() + WAIT_SECONDS
    return len(data) - len(left)


def _take(deadline: float) -> tuple[bytes, bool]:
    fd = _opened(os.O_RDONLY, deadline)
    if fd is None:
        return b"", os.path.exists(DONE)
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    data = bytearray()
    while len(data) < MAX_PART_BYTES and poll.poll(max(0.0, deadline - time.monotonic()) * 1000):
        try:
            piece = os.read(fd, min(READ_BYTES, MAX_PART_BYTES - len(data)))
        except BlockingIOError:
            continue
        if not piece:
            return bytes(data), os.path.exists(DONE)
        data += piece
    return bytes(data), False


def _opened(flags: int, deadline: float) -> int | None:
    """Open the pipe when its other end is there; return None if that takes too long."""
    while True:
        try:
            return os.open(PIPE, flags | os.O_NONBLOCK)
        except OSError as exc:
            if exc.errno not in (errno.ENOENT, errno.ENXIO):
                raise
        if time.monotonic() >= deadline or (flags == os.O_RDONLY and os.path.exists(DONE)):
            return None
        time.sleep(0.002)


JOB = Job(transfer, writes=True)
