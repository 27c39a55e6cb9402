"""How many files a session has, where no limit of the mount bounds them."""

from __future__ import annotations

import os

WRITABLE = (".", "/tmp", "/dev/shm")

MIN_CHOSEN_FILES = 10_000
"""A mount for so many files at most was given that limit on purpose."""


def count_files(limit: int) -> int:
    """Files in the fullest directory that has no limit of its own, as those of bubblewrap."""
    most = 0
    for path in WRITABLE:
        try:
            stat = os.statvfs(path)
        except OSError:
            continue
        if stat.f_files > max(limit, MIN_CHOSEN_FILES):
            most = max(most, stat.f_files - stat.f_ffree)
    return most
