"""Request a delegated control group from systemd.

An ordinary user owns no group in which to make others. But systemd's user manager creates a scope
on request, moves this process into it and delegates it to us, see
https://systemd.io/CONTROL_GROUP_INTERFACE. The request is made with systemd's own `busctl`.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from pathlib import Path

ANSWER_TIMEOUT_SECONDS = 3.0
"""Timeout of the request; it usually takes some milliseconds."""

MOVE_TIMEOUT_SECONDS = 2.0
"""Time after the answer for the manager to move us."""

_MANAGER = (
    "org.freedesktop.systemd1",
    "/org/freedesktop/systemd1",
    "org.freedesktop.systemd1.Manager",
)


def request(proc: Path = Path("/proc")) -> bool:
    """Have this process moved into a scope that is delegated to it; return whether it was."""
    program = shutil.which("busctl")
    if program is None:
        return False
    name = f"bellglass-{os.getpid()}-{time.time_ns() // 1_000_000}.scope"
    command = [
        *(program, "--system" if os.geteuid() == 0 else "--user", "--quiet", "call", *_MANAGER),
        *("StartTransientUnit", "ssa(sv)a(sa(sv))", name, "fail"),
        *("3", "PIDs", "au", "1", str(os.getpid()), "Delegate", "b", "true"),
        *("Description", "s", "Sessions of bellglass", "0"),
    ]
    try:
        asked = subprocess.run(
            command,
            env=_environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=ANSWER_TIMEOUT_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return asked.returncode == 0 and _moved(proc / "self/cgroup", name)


def _environment() -> dict[str, str]:
    """Return the variables of the user's bus; clients often start servers without them."""
    runtime = os.environ.get("XDG_RUNTIME_DIR") or f"/run/user/{os.geteuid()}"
    bus = os.environ.get("DBUS_SESSION_BUS_ADDRESS") or f"unix:path={runtime}/bus"
    return {"XDG_RUNTIME_DIR": runtime, "DBUS_SESSION_BUS_ADDRESS": bus}


def _moved(own_groups: Path, name: str) -> bool:
    """Wait until systemd has done the job: it answers when the job is queued."""
    deadline = time.monotonic() + MOVE_TIMEOUT_SECONDS
    while f"/{name}" not in own_groups.read_text():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True
