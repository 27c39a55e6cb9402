"""Changes of a call in the workspace: a line for the model, links, a record for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mcp.types import ResourceLink

from bellglass.sandboxes.files import shown
from bellglass.tools.files.addresses import file_uri
from bellglass.tools.files.mime_types import mime_type_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bellglass.sandboxes.execution import Execution, FileChange

MAX_NAMED_FILES = 10
"""Files that the line and the links name."""


def changes_line(execution: Execution, *, linked: bool) -> Iterator[str]:
    """Yield the changes in one line, if there are any.

    Where no links to the files follow, the line says how to read one.
    """
    named = [_named(file) for file in execution.files[:MAX_NAMED_FILES]]
    more = len(execution.files) - len(execution.files[:MAX_NAMED_FILES]) + execution.files_left_out
    if named:
        rest = f" and {more:,} more" if more else ""
        readable = any(file.readable for file in execution.files)
        how = ". Read one with read_file(path=...)." if readable and not linked else ""
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


def _named(file: FileChange) -> str:
    size = f", {size_of(file.bytes)}" if file.readable else ""
    return f"{shown(file.path)} ({file.change}{size})"
