"""Where the sockets of running servers are: a directory that only their user may enter."""

import os
import stat
from collections.abc import Mapping
from pathlib import Path

ENDING = ".sock"


def directory(environ: Mapping[str, str] = os.environ) -> Path:
    """Return the directory, which may not exist yet."""
    runtime = environ.get("XDG_RUNTIME_DIR", "")
    if os.path.isabs(runtime):
        return Path(runtime, "bellglass", "control")
    if os.geteuid() == 0:
        return Path("/run/bellglass/control")
    state = environ.get("XDG_STATE_HOME", "")
    base = Path(state) if os.path.isabs(state) else Path.home() / ".local/state"
    return base / "bellglass" / "control"


def own_socket() -> Path:
    """Return the path for the socket of this process, and make its directory.

    Raises:
        OSError: The directory cannot be made, or belongs to somebody else.
    """
    folder = directory()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    about = folder.lstat()
    if not stat.S_ISDIR(about.st_mode) or about.st_uid != os.geteuid():
        raise PermissionError(f"{folder} belongs to another user")
    folder.chmod(0o700)
    for path in folder.glob(f"*{ENDING}"):
        if path.stem.isdecimal() and not Path(f"/proc/{path.stem}").exists():
            path.unlink(missing_ok=True)  # of a server that was killed
    path = folder / f"{os.getpid()}{ENDING}"
    path.unlink(missing_ok=True)
    return path
