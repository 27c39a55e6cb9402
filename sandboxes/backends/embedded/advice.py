"""Advice for operators, by the step of a launch that failed."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bellglass.sandboxes.backends.embedded.failure import LaunchFailed

_CONTAINER = (
    "This is inside a container whose runtime forbids it. Start the container with "
    "`--security-opt seccomp=unconfined --security-opt systempaths=unconfined`, "
    "or use the Docker backend."
)
_APPARMOR = (
    "Ubuntu's AppArmor restricts user namespaces. Run "
    "`sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0`, "
    "or install bubblewrap, which has a profile: `sudo apt-get install bubblewrap`."
)


def advice(failure: LaunchFailed, root: Path = Path("/")) -> str:
    """Return one text with the reason, and at its end what to do.

    The kernel's settings are read below `root`, so that a test can provide its own.
    """
    fix = _fix(failure, root)
    code = errno.errorcode.get(failure.errno)
    named = f" ({code})" if code else ""
    return f"the step '{failure.step}' failed{named}: {failure.text.rstrip('.')}. {fix}".strip()


def _fix(failure: LaunchFailed, root: Path) -> str:
    step, refused = failure.step, failure.errno in (errno.EPERM, errno.EACCES)
    if failure.errno == errno.ENOSPC or (
        "namespace" in step and _setting(root, "user/max_user_namespaces") == "0"
    ):
        return "Allow namespaces: `sudo sysctl user.max_user_namespaces=15000`."
    if step in ("unshare", "map the user", "clone into new namespaces") or (
        refused and ("mount" in step or "tmpfs" in step or "loopback" in step)
    ):
        if _setting(root, "kernel/unprivileged_userns_clone") == "0":
            return "Allow them: `sudo sysctl kernel.unprivileged_userns_clone=1`."
        if _setting(root, "kernel/apparmor_restrict_unprivileged_userns") == "1":
            return _APPARMOR
        if _in_container(root):
            return _CONTAINER
        return "The kernel or a security module of this machine forbids it; see its log."
    if step.startswith("bind ") and refused:
        return (
            "The code runs as another user, who cannot read the sandbox's Python there. "
            "Install one that every user can read, run `bellglass setup` with it, or name it "
            "with BELLGLASS_PYTHON."
        )
    if step == "become an unprivileged user":
        return "Run the server as an ordinary user, or leave it CAP_SETUID and CAP_SETGID."
    if step == "take a uid" and failure.errno == errno.EUSERS:
        return "Close sessions that are not needed any more, or end another server."
    if step in ("start the interpreter", "python") or step.startswith("execute"):
        return "Run `bellglass setup` to prepare a Python for the sandbox."
    if step == "copy a lent folder":
        return "Lend a smaller folder, or raise BELLGLASS_DISK_MB."
    if step == "find bubblewrap":
        return "Install it: `sudo apt-get install bubblewrap`, or your system's equivalent."
    return "Use another backend, such as docker, until this is solved."


def _setting(root: Path, name: str) -> str:
    try:
        return (root / "proc/sys" / name).read_text().strip()
    except OSError:
        return ""


def _in_container(root: Path) -> bool:
    marks = (root / ".dockerenv", root / "run/.containerenv")
    return any(mark.exists() for mark in marks) or "container" in os.environ
