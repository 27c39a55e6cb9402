"""Save what a call leaves in /work/out to a folder of the user's machine."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import anyio

from bellglass.sandboxes.common.limits import MAX_PART_BYTES
from bellglass.sandboxes.errors import SandboxError
from bellglass.sandboxes.files import FileRefused, read_part, shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bellglass.sandboxes.execution import Execution
    from bellglass.sandboxes.files import JobRunner

OUT = "out/"
"""The folder in /work whose files are saved."""

MAX_NAME_CHARACTERS = 100

MAX_COPIES = 1_000
"""Files of one name: each call that changes a file saves another."""

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


async def save(execution: Execution, session: JobRunner, save_to: str | None) -> str | None:
    """Copy each new or changed file of /work/out, and return a line that tells where.

    No file is overwritten, and no name of the session's is a path.
    """
    if save_to is None:
        return None
    paths = [
        file.path
        for file in execution.files
        if file.readable and file.change != "deleted" and file.path.startswith(OUT)
    ]
    if not paths:
        return None
    saved, problems = [], []
    for path in paths:
        try:
            saved.append(await _save(session, path, save_to))
        except FileRefused as exc:
            problems.append(str(exc))
        except (SandboxError, OSError) as exc:
            problems.append(f"{shown(path)}: {getattr(exc, 'strerror', None) or exc}.")
    told = [f"Saved on the user's machine: {', '.join(saved)}."] if saved else []
    told += [f"Not saved there: {problem}" for problem in problems[:3]]
    return " ".join(told)


async def _save(session: JobRunner, path: str, save_to: str) -> str:
    os.makedirs(save_to, exist_ok=True)
    folder = os.open(save_to, _FOLDER)
    try:
        name, descriptor = _created(folder, safe_name(path.removeprefix(OUT)))
        try:
            with os.fdopen(descriptor, "wb") as file:
                at, stamp = 0, None
                while True:
                    part = await read_part(session, path, at, MAX_PART_BYTES)
                    if stamp not in (None, part.stamp):
                        raise FileRefused(path, "it is being written", "Try again.", None)
                    stamp = part.stamp
                    await anyio.to_thread.run_sync(file.write, part.data)
                    at += len(part.data)
                    if at >= part.size or not part.data:
                        break
        except BaseException:
            os.unlink(name, dir_fd=folder)
            raise
    finally:
        os.close(folder)
    return os.path.join(save_to, name)


def _created(folder: int, name: str) -> tuple[str, int]:
    for candidate in _names(name):
        try:
            return candidate, os.open(candidate, _NEW, 0o644, dir_fd=folder)
        except FileExistsError:
            continue
    raise OSError(f"there are {MAX_COPIES} files of this name")


def _names(name: str) -> Iterator[str]:
    stem, ending = os.path.splitext(name)
    yield name
    for number in range(2, MAX_COPIES):
        yield f"{stem}-{number}{ending}"


def safe_name(path: str) -> str:
    """Return a file name for a path of a session: one component, visible, of a bounded length."""
    text = "".join(c if c.isalnum() or c in " ._-+()" else "_" for c in path.replace("/", "-"))
    stem, ending = os.path.splitext(text.strip(" .-"))
    return f"{stem[: MAX_NAME_CHARACTERS - len(ending[:20])]}{ending[:20]}" or "file"
