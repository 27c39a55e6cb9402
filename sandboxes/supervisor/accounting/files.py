"""The number of files of a session, on mounts that do not bound it themselves, as bubblewrap's."""

from __future__ import annotations

import os

from bellglass.sandboxes.common import packages

WRITABLE = (".", packages.OWN, "/tmp", "/dev/shm")

MIN_CHOSEN_FILES = 10_000
"""A mount with at most this many inodes was given that limit on purpose."""


class FileCounter:
    """Counts files where no mount does; which mounts those are is found out once."""

    def __init__(self, limit: int) -> None:
        chosen = max(limit, MIN_CHOSEN_FILES)
        self._unbounded = [
            path for path in WRITABLE if (stat := _stat(path)) is not None and stat.f_files > chosen
        ]

    def most(self) -> int:
        """Return the files in the fullest directory whose mount has no limit."""
        stats = [stat for path in self._unbounded if (stat := _stat(path)) is not None]
        return max((stat.f_files - stat.f_ffree for stat in stats), default=0)


def _stat(path: str) -> os.statvfs_result | None:
    try:
        return os.statvfs(path)
    except OSError:
        return None
