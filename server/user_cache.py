"""Our folder for files that can be made again (basedir-spec of freedesktop.org)."""

import os
from pathlib import Path


def user_cache() -> Path:
    """Return the folder, which may not exist.

    Raises:
        RuntimeError: The user has no home.
    """
    cache = os.environ.get("XDG_CACHE_HOME", "")
    base = Path(cache) if os.path.isabs(cache) else Path.home() / ".cache"
    return base / "bellglass"
