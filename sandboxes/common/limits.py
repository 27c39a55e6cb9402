"""Limits that both the server and the supervisor apply."""

from __future__ import annotations

MAX_CALL_SECONDS = 300
"""The longest time limit of one call."""

MAX_RUNS = 8
"""Background runs of a session at one time."""

MAX_ENDED_RUNS = 16
"""Ended background runs that can still be read."""

MAX_REPORT_BYTES = 4 * 1024**2
"""Bytes of all messages of one job's report, as sent."""

MAX_REPORT_MESSAGES = 10_000
"""Messages of one report."""

MAX_PART_BYTES = 2_500_000
"""The largest part of a file that one request reads or writes: in base64 it stays below a frame."""

MAX_PACKAGE_FILES = 65_536
"""Files and directories of what a session installs: some packages have 10,000."""

MAX_SCRATCH_FILES = 8_192
"""Files and directories in /tmp, and in /dev/shm."""
