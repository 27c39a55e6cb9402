"""The first process of a sandbox: takes from itself what the backend leaves it, and serves."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from typing import Any, NoReturn

from bellglass.sandboxes.confinement.confine import confine, program
from bellglass.sandboxes.confinement.environment import environment
from bellglass.sandboxes.confinement.failure import Failure
from bellglass.sandboxes.supervisor import main as supervisor
from bellglass.sandboxes.worker import worker

_COUNTERS = {
    "memory_events_fd": ("memory.events", "memory/memory.oom_control"),
    "cpu_time_fd": ("cpu.stat", "cpuacct/cpuacct.usage"),
}
"""What a container sees of its own control group, in version 2 and version 1: what was killed for
want of memory, and the CPU time of all processes."""


def main(config: dict[str, Any]) -> NoReturn:
    """Finish the confinement, and become the runner. Whatever fails, nothing runs.

    The server shows what is said on stderr to the operator.
    """
    if shutil.which("bash") is None:
        sys.exit("there is no bash")
    path = os.environ.get("PATH", os.defpath)
    venv = sys.prefix if sys.prefix != sys.base_prefix else None
    try:
        # Not the count of processes: the host may have a user of this number.
        confine(
            config["limits"],
            program(platform.machine(), counted=True),
            environment(path, venv),
            count_processes=False,
        )
    except (Failure, OSError) as exc:
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
