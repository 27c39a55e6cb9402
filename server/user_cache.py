"""Our folders in the home of the user (basedir-spec of freedesktop.org)."""

import os
from pathlib import Path


def user_cache() -> Path:
    """Return the folder for files that can be made again, which may not exist.

    Raises:
        RuntimeError: The user has no home.
    """
    cache = os.environ.get("XDG_CACHE_HOME", "")
    base = Path(cache) if os.path.isabs(cache) else Path.home() / ".cache"
    return base / "bellglass"


def default_store() -> Path | None:
    """Return the folder of saved sessions, which may not exist; None if the user has no home."""
    state = os.environ.get("XDG_STATE_HOME", "")
    try:
        base = Path(state) if os.path.isabs(state) else Path.home() / ".local" / "state"
    except RuntimeError:
        return None
    return base / "bellglass" / "sessions"
