"""What a session has changed in a lent folder, beside the files of this machine."""

from __future__ import annotations

import difflib
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bellglass.sandboxes.files import FileRefused, shown
from bellglass.server.control.host_files import HostFolder, NotApplied, why_never
from bellglass.tools.folders.changes import changes_of, content_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bellglass.sandboxes.folders.folder import Folder
    from bellglass.server.control.client import LocalSession
    from bellglass.tools.folders.changes import Change

CHANGED_MEANWHILE = "it was changed on this machine after the session had started"


@dataclass(frozen=True, slots=True)
class Difference:
    """One file, in the folder of this machine and in the session."""

    folder: Folder
    change: Change
    old: bytes
    new: bytes
    problem: str
    """Why it is not applied; "" if it is."""

    @property
    def name(self) -> str:
        return f"{self.folder.name}/{self.change.path}"

    def lines(self) -> Iterator[str]:
        """Yield a unified diff, with what is not applied above it."""
        if self.problem:
            yield f"# {shown(self.name)} is not applied: {self.problem}."
        if self.change.kind != "file":
            return
        old = "/dev/null" if self.change.change == "new" else f"a/{shown(self.name)}"
        new = "/dev/null" if self.change.change == "deleted" else f"b/{shown(self.name)}"
        before, after = _lines(self.old), _lines(self.new)
        if before is None or after is None:
            yield f"Binary files {old} and {new} differ"
            return
        yield from difflib.unified_diff(before, after, old, new, lineterm="")


def _lines(data: bytes) -> list[str] | None:
    """Return the lines of a text; None for anything else."""
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return None
    if "\0" in text:
        return None
    lines = text.split("\n")
    return lines[:-1] if lines[-1] == "" else [*lines[:-1], f"{lines[-1]}\n\\ No newline at end"]


async def differences(session: LocalSession, folder: Folder) -> tuple[list[Difference], bool]:
    """Return how the session's copy of a folder differs, and whether there is still more."""
    found = await changes_of(session, folder)
    host = HostFolder(folder)
    try:
        listed = [await _difference(session, folder, host, change) for change in found.changes]
    finally:
        host.close()
    return [each for each in listed if each is not None], found.cut


async def _difference(
    session: LocalSession, folder: Folder, host: HostFolder, change: Change
) -> Difference | None:
    """Return how one file differs; None if it is as in the session by now."""
    problem = why_never(folder, change.path)
    if problem or change.kind != "file":
        problem = problem or "it is a link, or no file"
        return Difference(folder, change, b"", b"", problem)
    new = b""
    try:
        about = host.about(change.path)
        old = host.read(change.path)
        if change.change != "deleted":
            new = await content_of(session, folder, change)
    except (NotApplied, FileRefused, OSError) as exc:
        return Difference(folder, change, b"", b"", str(exc).rstrip("."))
    if change.change == "deleted" and about is None:
        return None
    if about is not None and change.change != "deleted" and old == new:
        executable = bool(about.st_mode & 0o100)
        if stat.S_ISREG(about.st_mode) and executable == change.executable:
            return None
    if about is not None and not stat.S_ISREG(about.st_mode):
        problem = "on this machine it is no file"
    elif about is None and change.change == "changed":
        problem = "it was deleted on this machine"
    elif about is not None:
        mark = session.listed.applied.get(f"{folder.name}/{change.path}")
        ours = mark == [about.st_ino, about.st_ctime_ns]
        later = about.st_ctime_ns > session.listed.started_at * 1e9
        if not ours and (later or change.change == "new"):
            problem = CHANGED_MEANWHILE
    return Difference(folder, change, old, new, problem)


async def apply(session: LocalSession, listed: list[Difference]) -> None:
    """Write the differences without a problem to this machine.

    Raises:
        NotApplied, OSError: One cannot be written; those before it are.
    """
    for each in listed:
        if each.problem:
            continue
        host = HostFolder(each.folder)
        try:
            _apply(host, each)
            about = host.about(each.change.path)
        finally:
            host.close()
        if about is not None:
            await session.note_applied(each.name, [about.st_ino, about.st_ctime_ns])


def _apply(host: HostFolder, each: Difference) -> None:
    path = each.change.path
    if host.read(path) != each.old:
        raise NotApplied(f"{shown(each.name)}: it was changed since it was shown. Try again")
    if each.change.change == "deleted":
        host.delete(path)
    else:
        host.write(path, each.new, executable=each.change.executable)
