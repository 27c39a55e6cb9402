"""Process settings that both the supervisor and its children apply to themselves."""

from __future__ import annotations

import ctypes
import os
import signal

PR_SET_CHILD_SUBREAPER = 36  # include/uapi/linux/prctl.h

PAGE = os.sysconf("SC_PAGE_SIZE")

DEFAULT_SIGNALS = (signal.SIGINT, signal.SIGHUP, signal.SIGTERM, signal.SIGCHLD)
"""Signals that PID 1 ignores or handles; a child resets them to their defaults."""

RESERVED_DESCRIPTORS = 16
"""Our descriptors in a process of foreign code are the top few below its limit, out of the way of
loops over small numbers."""

KEPT_FD_OFFSET = 3
"""The descriptors that a child inherits begin this far above its control socket. The two between
belong to the child: see `worker`."""

SPARE_SOCKETS = 2
"""Sockets for checkpoints, beside the control socket. They alternate, because the previous
checkpoint still exists when the next one is made."""


def set_oom_score(score: int) -> None:
    """Set the score by which the kernel chooses a process to kill; 1000 is killed first."""
    try:
        with open("/proc/self/oom_score_adj", "w") as file:
            file.write(str(score))
    except OSError:
        pass


def keep_descendants() -> None:
    """Become the parent of all descendants whose own parent ends."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def resident_bytes() -> int:
    """Return the resident memory of this process, or 0 if it is unknown."""
    try:
        with open("/proc/self/statm") as file:
            return int(file.read(200).split()[1]) * PAGE
    except (OSError, IndexError, ValueError):
        return 0
