"""What protects here, and what does not: for `bellglass doctor`."""

from __future__ import annotations

import os
import platform
from typing import TYPE_CHECKING

from bellglass.sandboxes.embedded.inside import landlock, namespaces

if TYPE_CHECKING:
    from bellglass.sandboxes.embedded.cgroups import Cgroups
    from bellglass.sandboxes.embedded.places import Launcher

Finding = tuple[str, bool, str]
"""What was looked at, whether it is as it should be, and how it is."""

_SCOPES_SINCE = 6
_PROCESS_LIMIT_SINCE = (5, 14)


def findings(launcher: Launcher, failed: list[str], cgroups: Cgroups) -> list[Finding]:
    """Describe a launcher that has made a place, and the limits that hold in it."""
    abi = landlock.abi()
    grouped = cgroups.mechanism != "none"
    uid = namespaces.UNUSED_ID if namespaces.may_change_user() else os.geteuid()
    zygote = launcher.name == "zygote"
    return [
        ("launcher", True, "; ".join([launcher.name, *(f"instead of: {text}" for text in failed)])),
        ("namespaces", True, "user, mount, pid, network, ipc, uts, cgroup"),
        ("user", True, f"code runs as uid {uid} of this machine, without capabilities"),
        ("system call filter", True, platform.machine()),
        (
            "Landlock scopes",
            abi >= _SCOPES_SINCE,
            f"ABI {abi}" if abi >= _SCOPES_SINCE else f"ABI {abi}, they need 6 (Linux 6.12)",
        ),
        (
            "memory of a whole session",
            grouped,
            f"control group {cgroups.mechanism}, {cgroups.detail}" if grouped else cgroups.detail,
        ),
        _process_limit(grouped),
        (
            "number of files",
            zygote,
            "bounded" if zygote else "bubblewrap cannot bound it; their bytes it does",
        ),
    ]


def _process_limit(grouped: bool) -> Finding:
    release = platform.release().split("-")[0].split(".")
    version = tuple(int(part) for part in release[:2] if part.isdigit())
    if version >= _PROCESS_LIMIT_SINCE:
        return ("number of processes", True, "RLIMIT_NPROC, counted for each session")
    detail = "RLIMIT_NPROC is counted for all sessions together before Linux 5.14"
    return ("number of processes", grouped, detail)


def python_finding(python: str) -> Finding:
    """Say which interpreter runs the code, and whether it was prepared."""
    prepared = os.path.isfile(os.path.join(os.path.dirname(os.path.dirname(python)), "pyvenv.cfg"))
    if not os.access(python, os.X_OK):
        return ("python", False, f"{python} cannot be executed")
    if prepared:
        return ("python", True, python)
    return ("python", False, f"{python}, without numpy and its like: run `bellglass setup`")
