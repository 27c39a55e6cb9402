"""Find the Python that runs code of sessions; it is never the environment of the server."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def where_to_prepare() -> Path:
    """Return the directory for the virtual environment of sandboxes.

    It is below the server's own virtual environment, so that it is deleted with that. If that one
    is temporary, it is in the user's data directory
    (https://specifications.freedesktop.org/basedir-spec/).
    """
    thrown_away = "archive-v0" in Path(sys.prefix).parts  # uvx, in the cache of uv
    if sys.prefix != sys.base_prefix and not thrown_away:
        return Path(sys.prefix, "share", "bellglass", "python")
    return user_data() / "bellglass" / "python"


def find_python(python: str | None = None) -> str:
    """Return the path of the interpreter: the given one, a prepared one, or the base Python."""
    if python is not None:
        return os.path.abspath(os.path.expanduser(python))
    for prepared in (where_to_prepare(), user_data() / "bellglass" / "python"):
        candidate = prepared / "bin" / "python"
        if os.access(candidate, os.X_OK):
            return str(candidate)
    # It works without numpy and other packages; `bellglass doctor` lists what is missing.
    base: str = getattr(sys, "_base_executable", sys.executable)
    return os.path.realpath(base)


def user_data() -> Path:
    """Return the directory for data of the user's programs."""
    data = os.environ.get("XDG_DATA_HOME", "")
    return Path(data) if os.path.isabs(data) else Path.home() / ".local" / "share"
