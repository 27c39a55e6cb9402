"""Changes of a call in the workspace: a line for the model, links, a record for programs."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from mcp.types import ResourceLink

from bellglass.sandboxes.files import shown
from bellglass.tools.files.addresses import file_uri
from bellglass.tools.files.mime_types import mime_type_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bellglass.sandboxes.execution import Execution, FileChange

MAX_NAMED_FILES = 3
"""Files of one kind that are named one by one, and files that are linked."""

MAX_GROUPS = 6
"""Groups of files, each with the same change in the same folder, that the line names."""

_NUMBER = re.compile(r"(\d{1,18})")


def changes_line(execution: Execution, *, says_how: bool) -> Iterator[str]:
    """Yield the changes in one line, if there are any.

    `says_how`: the line ends with the call that reads one.
    """
    groups: dict[tuple[str, str], list[FileChange]] = {}
    for file in execution.files:
        groups.setdefault((file.change, file.path.rpartition("/")[0]), []).append(file)
    told = list(groups.values())[:MAX_GROUPS]
    more = len(execution.files) - sum(map(len, told)) + execution.files_left_out
    if told:
        named = [text for group in told for text in _told(group)]
        rest = f" and {more:,} more" if more else ""
        readable = any(file.readable for file in execution.files)
        how = ". Read one with read_file(path=...)." if readable and says_how else ""
        yield f"Files: {', '.join(named)}{rest}{how}"
    if execution.files_unseen:
        yield "Note: the working directory has too many files to look through all for changes."


def links_to_changed(execution: Execution, session_id: str) -> Iterator[ResourceLink]:
    """Yield links to the first files that are new or changed."""
    readable = [file for file in execution.files if file.readable]
    for file in readable[:MAX_NAMED_FILES]:
        yield ResourceLink(
            name=file.path,
            uri=file_uri(session_id, file.path),
            mime_type=mime_type_of(file.path) or "application/octet-stream",
            size=file.bytes,
        )


def changed_record(execution: Execution, session_id: str) -> dict[str, Any]:
    """Return the changes for programs."""
    return {
        "changed": [
            {
                "path": file.path,
                "bytes": file.bytes,
                "change": file.change,
                "uri": file_uri(session_id, file.path) if file.readable else None,
            }
            for file in execution.files
        ],
        "changed_left_out": execution.files_left_out,
    }


def size_of(number: int) -> str:
    """Return a number of bytes in words."""
    if number < 1_000:
        return f"{number} bytes" if number != 1 else "1 byte"
    for unit, size in (("kB", 1e3), ("MB", 1e6)):
        if number < 999.5 * size:
            return f"{number / size:.3g} {unit}"
    return f"{number / 1e9:.3g} GB"


def _told(files: list[FileChange]) -> list[str]:
    """Return files with the same change in the same folder: one by one if they are few."""
    if len(files) <= MAX_NAMED_FILES:
        return [_named(file) for file in files]
    ordered = sorted(files, key=lambda file: _natural(file.path))
    folder, _, _ = ordered[0].path.rpartition("/")
    first, second, *_, last = (shown(file.path.rpartition("/")[2]) for file in ordered)
    sizes = sorted(file.bytes for file in files if file.readable)
    about = f" ({_range(size_of(sizes[0]), size_of(sizes[-1]))})" if sizes else ""
    where = f" in {shown(folder)}/" if folder else ""
    return [f"{len(files):,} {ordered[0].change}{where}{about}: {first}, {second} … {last}"]


def _range(least: str, most: str) -> str:
    """Return sizes from least to most, the unit once if it is the same."""
    number, _, unit = least.partition(" ")
    if least == most:
        return f"{least} each"
    return f"{number if most.endswith(unit.rstrip('s') + 's') else least} to {most}"


def _natural(path: str) -> list[tuple[int, str]]:
    """Return a key that sorts f2 before f10."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in _NUMBER.split(path)]


def _named(file: FileChange) -> str:
    size = f", {size_of(file.bytes)}" if file.readable else ""
    return f"{shown(file.path)} ({file.change}{size})"
