"""The changes of a session in its copy of a lent folder, as values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from bellglass.sandboxes.common.limits import MAX_PART_BYTES
from bellglass.sandboxes.execution import CleanStr  # noqa: TC001 - pydantic evaluates it
from bellglass.sandboxes.files import FileRefused, FileReport, answer_of, read_part

if TYPE_CHECKING:
    from bellglass.sandboxes.files import JobRunner
    from bellglass.sandboxes.folders.folder import Folder

LIST_TIMEOUT_SECONDS = 60
"""A copy without an overlay is compared file by file."""

MAX_FILE_BYTES = 64 * 1024**2
"""Bytes of a file that is fetched to be shown or applied."""


class Change(FileReport):
    """A file that a session has made, changed or deleted; the session says so, and may lie."""

    path: Annotated[CleanStr, Field(min_length=1, max_length=4_096)]
    """Relative to the folder."""
    change: Literal["new", "changed", "deleted"]
    kind: Literal["file", "link", "other"]
    bytes: int = Field(ge=0)
    executable: bool


class Changes(FileReport):
    """All changes of a folder, or the first ones."""

    changes: list[Change] = Field(max_length=2_000)
    cut: bool


async def changes_of(session: JobRunner, folder: Folder) -> Changes:
    """Return what a session has changed in its copy of a folder.

    Raises:
        FileRefused: It cannot be found out.
        SandboxError: As `Session.run`.
    """
    arguments = {"name": folder.name}
    execution = await session.run("changes", arguments, timeout=LIST_TIMEOUT_SECONDS)
    return answer_of(Changes, execution, folder.target, "Look at it with execute_bash")


async def content_of(session: JobRunner, folder: Folder, change: Change) -> bytes:
    """Return the bytes of a changed file.

    Raises:
        FileRefused: It cannot be read, is too large, or changes meanwhile.
    """
    path = f"{folder.target}/{change.path}"
    data = bytearray()
    stamp = None
    while True:
        part = await read_part(session, path, len(data), MAX_PART_BYTES)
        if part.size > MAX_FILE_BYTES:
            most = f"it has more than {MAX_FILE_BYTES:,} bytes"
            raise FileRefused(path, most, "Fetch it with `bellglass get`.", None)
        if stamp not in (None, part.stamp):
            raise FileRefused(path, "it is being written", "Try again.", None)
        stamp = part.stamp
        data += part.data
        if len(data) >= part.size or not part.data:
            return bytes(data)
