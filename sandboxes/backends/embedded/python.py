"""Which Python runs the code of a session: one of the sandbox's own, never the server's."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def where_to_prepare() -> Path:
    """Return where the virtual environment of the sandbox belongs.

    Beside a server that has a lasting virtual environment, so that it goes with it; else in the
    user's data directory (https://specifications.freedesktop.org/basedir-spec/).
    """
    thrown_away = "archive-v0" in Path(sys.prefix).parts  # uvx, in the cache of uv
    if sys.prefix != sys.base_prefix and not thrown_away:
        return Path(sys.prefix, "share", "bellglass", "python")
    return user_data() / "bellglass" / "python"


def find_python(python: str | None = None) -> str:
    """Return the path of the interpreter: the given one, a prepared one, or the plain one."""
    if python is not None:
        return os.path.abspath(os.path.expanduser(python))
    for prepared in (where_to_prepare(), user_data() / "bellglass" / "python"):
        candidate = prepared / "bin" / "python"
        if os.access(candidate, os.X_OK):
            return str(candidate)
    # Without numpy and its like, but it runs; `bellglass doctor` says what is missing.
    base: str = getattr(sys, "_base_executable", sys.executable)
    return os.path.realpath(base)


def user_data() -> Path:
    """Return the folder for data of the user's programs."""
    data = os.environ.get("XDG_DATA_HOME", "")
    return Path(data) if os.path.isabs(data) else Path.home() / ".local" / "share"
