"""Limits of one sandbox."""

from __future__ import annotations

from dataclasses import dataclass

MIB = 1024**2

MAX_OUTPUT_BYTES = 60_000
"""The most that `Limits.output_bytes` may be: a reply has to stay below a frame's size."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """The resources of one session. Every backend enforces them, or documents which it does not."""

    memory_bytes: int = 1024 * MIB
    """Memory of all processes of the session: enough for a data frame of 200 MB and its copies."""

    processes: int = 64
    """Processes and threads at one time. A pool on a large machine starts 32."""

    cpu_seconds: int = 600
    """CPU time of one call, over all its processes: the longest call on two cores."""

    disk_bytes: int = 256 * MIB
    """Size of the workspace."""

    packages_bytes: int = 0
    """Size of what the session installs, beside the workspace; 0 if it can install nothing."""

    scratch_bytes: int = 64 * MIB
    """Size of /tmp, and of /dev/shm."""

    files: int = 32_768
    """Files and directories in the workspace: a large package has 5,000."""

    file_bytes: int = 256 * MIB
    """Size of one file."""

    open_files: int = 1024
    """Descriptors of one process."""

    output_bytes: int = 20_000
    """Bytes of each of stdout and stderr in a result: half from the head, half from the tail."""

    output_file_bytes: int = 16 * MIB
    """Bytes of output kept in a file of the session when a result had to cut it."""

    @property
    def all_bytes(self) -> int:
        """Memory of the processes, and of the files in the workspace, /tmp and /dev/shm."""
        files = self.disk_bytes + self.packages_bytes + 2 * self.scratch_bytes
        return self.memory_bytes + files
