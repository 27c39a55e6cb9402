"""The folders that a backend lends, and what is hidden in them, looked up for each session."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

import anyio

from bellglass.sandboxes.common.lent_copies import LentCopy
from bellglass.sandboxes.folders.survey import Survey, UnsuitableFolder

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bellglass.sandboxes.folders.folder import Folder


@dataclass(frozen=True, slots=True)
class Lent:
    """A folder as one session gets it."""

    folder: Folder
    masks: list[tuple[str, bool]]
    """Paths in the sandbox that are hidden, and whether each is a folder."""

    owner: tuple[int, int]
    """The uid and gid of the folder itself."""

    identity: tuple[int, int]
    """Device and inode: another folder at this path is another folder."""

    @property
    def is_writable(self) -> bool:
        """Whether code changes the folder itself."""
        return self.folder.mode == "rw"

    @property
    def group(self) -> int | None:
        """The gid whose files belong to the sandbox's user, if files are made."""
        return None if self.folder.mode == "ro" else self.owner[1]

    def copy(self, *, in_layer: bool) -> LentCopy | None:
        """Return what the sandbox is told of a folder that its code may change."""
        folder = self.folder
        if folder.mode != "copy":
            return None
        layer = folder.layer if in_layer else ""
        return LentCopy(folder.name, folder.base, folder.target, layer)


def copies(lent: Sequence[Lent], *, in_layer: bool) -> list[LentCopy]:
    """Return the folders that are copied; `in_layer` where the kernel may make an overlay."""
    found = (each.copy(in_layer=in_layer) for each in lent)
    return [copy for copy in found if copy is not None]


class Lender:
    """Looks into the folders before each session."""

    def __init__(self, folders: Sequence[Folder]) -> None:
        self.folders = folders
        self._surveys = [Survey(folder) for folder in folders]
        self._looking = anyio.Lock()

    async def look(self) -> list[Lent]:
        """Return the folders as a new session gets them.

        Raises:
            UnsuitableFolder: One of them cannot be lent as it is now.
        """
        if not self._surveys:
            return []
        async with self._looking:
            if all(survey.is_quick for survey in self._surveys):
                return self._look()
            return await anyio.to_thread.run_sync(self._look)

    def _look(self) -> list[Lent]:
        return [_lent(survey) for survey in self._surveys]


def _lent(survey: Survey) -> Lent:
    folder = survey.folder
    try:
        about = os.stat(folder.path)
        masks = survey.look()
    except (OSError, UnsuitableFolder) as exc:
        text = exc.strerror if isinstance(exc, OSError) else str(exc)
        raise UnsuitableFolder(f"{folder.target} ({folder.path}): {text}") from exc
    return Lent(
        folder,
        [(f"{folder.base}/{path}", is_folder) for path, is_folder in masks],
        (about.st_uid, about.st_gid),
        (about.st_dev, about.st_ino),
    )
