"""The first process of a sandbox: it completes the confinement and becomes the supervisor."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from typing import Any, NoReturn

from bellglass.sandboxes.common import lent_copies
from bellglass.sandboxes.confinement.confine import confine, program
from bellglass.sandboxes.confinement.environment import environment
from bellglass.sandboxes.confinement.failure import Failure
from bellglass.sandboxes.supervisor import main as supervisor
from bellglass.sandboxes.worker import worker

_COUNTERS = {
    "memory_events_fd": ("memory.events", "memory/memory.oom_control"),
    "cpu_time_fd": ("cpu.stat", "cpuacct/cpuacct.usage"),
}
"""Files of the container's own control group, for version 2 and version 1: how many processes were
killed for lack of memory, and the CPU time of all processes."""


def main(config: dict[str, Any]) -> NoReturn:
    """Complete the confinement, and become the supervisor. If a step fails, no code runs.

    The server shows the operator what this process writes to stderr.
    """
    if shutil.which("bash") is None:
        sys.exit("there is no bash")
    path = os.environ.get("PATH", os.defpath)
    venv = sys.prefix if sys.prefix != sys.base_prefix else None
    try:
        # No limit on processes by uid: the host may have a user with this uid.
        confine(
            config["limits"],
            program(platform.machine(), counted=True),
            environment(path, venv),
            count_processes=False,
        )
        for copy in config["copies"]:
            lent_copies.fill(lent_copies.LentCopy(*copy))
    except (Failure, OSError, lent_copies.TooLarge) as exc:
        sys.exit(str(exc))
    for name, paths in _COUNTERS.items():
        config[name] = _opened(paths)
    supervisor.serve(0, 1, config, worker.main)


def _opened(paths: tuple[str, ...]) -> int | None:
    for path in paths:
        try:
            return os.open(f"/sys/fs/cgroup/{path}", os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            pass
    return None
