"""Copy a file to or from a session of a local server."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, BinaryIO

from bellglass.sandboxes.common.limits import MAX_PART_BYTES
from bellglass.sandboxes.files import FileRefused, Upload, read_part

if TYPE_CHECKING:
    from collections.abc import Callable

    from bellglass.sandboxes.files import JobRunner


async def fetch(
    session: JobRunner, path: str, file: BinaryIO, reached: Callable[[int], None]
) -> None:
    """Write the file at `path` of the session to `file`.

    Raises:
        FileRefused: It cannot be read, or is written meanwhile.
    """
    at, stamp = 0, None
    while True:
        part = await read_part(session, path, at, MAX_PART_BYTES)
        if stamp not in (None, part.stamp):
            raise FileRefused(path, "it is being written", "Try again.", None)
        stamp = part.stamp
        file.write(part.data)
        at += len(part.data)
        reached(at)
        if at >= part.size or not part.data:
            return


async def send(
    session: JobRunner, path: str, file: BinaryIO, reached: Callable[[int], None]
) -> None:
    """Write `file` to `path` of the session, which it replaces when it is complete.

    Raises:
        FileRefused: It cannot be written there.
    """
    upload, digest, size = Upload(session, path), hashlib.sha256(), 0
    await upload.begin()
    try:
        while piece := file.read(MAX_PART_BYTES - (1 << 18)):
            digest.update(piece)
            size = await upload.append(piece, size)
            reached(size)
        await upload.commit(size, digest.hexdigest())
    except FileRefused:
        await upload.abort()
        raise
