"""Findings on the protections that hold on this machine, for `bellglass doctor`."""

from __future__ import annotations

import os
import platform
from typing import TYPE_CHECKING

from bellglass.sandboxes.backend import Finding
from bellglass.sandboxes.backends.embedded.inside import namespaces
from bellglass.sandboxes.backends.embedded.uids import UIDS
from bellglass.sandboxes.confinement import landlock

if TYPE_CHECKING:
    from bellglass.sandboxes.backends.embedded.cgroups import Cgroups
    from bellglass.sandboxes.backends.embedded.launch import Launcher

_MIN_SCOPES_ABI = 6
_PROCESS_LIMIT_SINCE = (5, 14)


def findings(
    launcher: Launcher, failed: list[str], cgroups: Cgroups, *, own_uids: bool
) -> list[Finding]:
    """Describe a launcher that has made a sandbox, and the limits that hold in its sandboxes.

    `own_uids`: each sandbox has a uid of its own.
    """
    abi = landlock.abi()
    grouped = cgroups.mechanism != "none"
    shared = namespaces.UNUSED_ID if namespaces.may_change_user() else os.geteuid()
    uid = (
        f"a uid of the session's own, from {UIDS[0]} on,"
        if own_uids
        else f"uid {shared} of this machine,"
    )
    zygote = launcher.name == "zygote"
    names = "; ".join([launcher.name, *(f"instead of: {text}" for text in failed)])
    paths = ["read-only: /usr", *launcher.visible_paths]
    return [
        _finding("launcher", True, names),
        _finding("namespaces", True, "user, mount, pid, network, ipc, uts, cgroup"),
        _finding("user", True, f"code runs as {uid} without capabilities"),
        _finding(
            "what the kernel counts by user",
            own_uids,
            "is counted for each session"
            if own_uids
            else f"is shared by sessions and other processes of uid {shared}: watches of epoll, "
            "descriptors in transit, pipes; a server run by root gives each session its own uid",
        ),
        _finding("files of this machine", True, "; ".join(paths)),
        _finding("system call filter", True, platform.machine()),
        _finding(
            "Landlock scopes",
            abi >= _MIN_SCOPES_ABI,
            f"ABI {abi}" if abi >= _MIN_SCOPES_ABI else f"ABI {abi}, they need 6 (Linux 6.12)",
        ),
        _finding(
            "memory of a whole session",
            grouped,
            f"control group {cgroups.mechanism}, {cgroups.detail}" if grouped else cgroups.detail,
        ),
        _process_limit(grouped),
        _finding(
            "number of files",
            zygote,
            "limited by the mounts" if zygote else "checked ten times a second during a call",
        ),
    ]


def _finding(what: str, holds: bool, detail: str) -> Finding:
    return Finding(what=what, holds=holds, detail=detail)


def _process_limit(grouped: bool) -> Finding:
    release = platform.release().split("-")[0].split(".")
    version = tuple(int(part) for part in release[:2] if part.isdigit())
    if version >= _PROCESS_LIMIT_SINCE:
        return _finding("number of processes", True, "RLIMIT_NPROC, counted for each session")
    detail = "RLIMIT_NPROC is counted for all sessions together before Linux 5.14"
    return _finding("number of processes", grouped, detail)


def python_finding(python: str) -> Finding:
    """Describe the interpreter that runs the code, and whether `bellglass setup` prepared it."""
    prepared = os.path.isfile(os.path.join(os.path.dirname(os.path.dirname(python)), "pyvenv.cfg"))
    if not os.access(python, os.X_OK):
        return _finding("python", False, f"{python} cannot be executed")
    if prepared:
        return _finding("python", True, python)
    return _finding(
        "python", False, f"{python}, without numpy and other packages: run `bellglass setup`"
    )
