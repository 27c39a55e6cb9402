"""What every process of a sandbox does for itself, whichever side of the trust line it is on."""

from __future__ import annotations

import ctypes
import os
import signal

PR_SET_CHILD_SUBREAPER = 36  # include/uapi/linux/prctl.h

PAGE = os.sysconf("SC_PAGE_SIZE")

DEFAULT_SIGNALS = (signal.SIGINT, signal.SIGHUP, signal.SIGTERM, signal.SIGCHLD)
"""PID 1 ignores or handles these; a child starts as any process does."""

KEPT = 3
"""Where the descriptors that a child is given lie above its control socket. The two between are
the child's own: see `worker`."""

SPARE_SOCKETS = 2
"""Sockets for checkpoints, beside the control socket. They are used in turn, and the checkpoint
before is still there when the next is made."""


def set_oom_score(score: int) -> None:
    """Say how gladly the kernel may end this process when memory is out: 1000 is the first."""
    try:
        with open("/proc/self/oom_score_adj", "w") as file:
            file.write(str(score))
    except OSError:
        pass


def keep_descendants() -> None:
    """Have what is started from here stay below this process, whatever happens between."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def resident_bytes() -> int:
    """Return how much of this process is in memory, 0 if that is not told."""
    try:
        with open("/proc/self/statm") as file:
            return int(file.read(200).split()[1]) * PAGE
    except (OSError, IndexError, ValueError):
        return 0
