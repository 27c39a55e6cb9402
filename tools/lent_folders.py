"""Texts about the folders that an operator lends."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bellglass.sandboxes.folders.folder import Folder

_MODES = {
    "ro": "read-only",
    "copy": "changes stay in the session",
    "rw": "what you write is the user's",
}


def named(folders: Sequence[Folder], save_to: str | None = None) -> str:
    """Return sentences that name the folders, and what is saved; "" if there is neither."""
    saved = "What a call leaves in /work/out is saved on the user's machine." if save_to else ""
    if not folders:
        return saved
    names = ", ".join(f"{folder.target} ({_MODES[folder.mode]})" for folder in folders)
    text = f"Folders of the user's machine: {names}. Files that usually hold secrets look empty."
    return f"{text} {saved}".rstrip()


def mode_of(path: str, folders: Sequence[Folder]) -> str:
    """Return in words how the lent folder is used that `path` lies in; "" if it lies in none."""
    for folder in folders:
        if path == folder.target or path.startswith(folder.target + "/"):
            return f"of the user's machine, {_MODES[folder.mode]}"
    return ""
