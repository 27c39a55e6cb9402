"""The number of files of a session, on mounts that do not bound it themselves."""

from __future__ import annotations

import os

WRITABLE = (".", "/tmp", "/dev/shm")

MIN_CHOSEN_FILES = 10_000
"""A mount with at most this many inodes was given that limit on purpose."""


def count_files(limit: int) -> int:
    """Return the files in the fullest directory whose mount has no limit, as with bubblewrap."""
    most = 0
    for path in WRITABLE:
        try:
            stat = os.statvfs(path)
        except OSError:
            continue
        if stat.f_files > max(limit, MIN_CHOSEN_FILES):
            most = max(most, stat.f_files - stat.f_ffree)
    return most
