"""One bash per call, which finds the shell as the call before left it.

A fresh process for each call cannot be wrecked by the one before; what a user expects to last
(working directory, variables, functions, aliases) travels as text: written by the shell when it
ends, kept by the runner, read by the next one. All three are of the same trust.
"""

from __future__ import annotations

import fcntl
import os
import signal
from collections.abc import Mapping
from types import MappingProxyType
from typing import NoReturn

from bellglass.sandboxes.runner.background.branch import keep_descendants
from bellglass.sandboxes.runner.job import Job, start_program

STATE_BYTES = 1 << 20  # fs.pipe-max-size, the most that a pipe holds for a user without privilege
F_SETPIPE_SZ = 1031  # include/uapi/linux/fcntl.h; in `fcntl` from Python 3.10 on

COMMAND_FD, OLD_STATE_FD, NEW_STATE_FD = 57, 58, 59
"""Out of the way of `exec 3>file`."""

BASH = ("bash", "--noprofile", "--norc", "-c")

END = b"\n# end of state\n"
"""A state without it was cut off, and is not taken."""

_KEPT = (
    *("PATH", "HOME", "LANG", "TMPDIR", "USER", "VIRTUAL_ENV", "MPLBACKEND"),
    *("PIP_RETRIES", "PIP_DISABLE_PIP_VERSION_CHECK"),
)
"""Variables of ours that a shell begins with."""

# On one line, so that the line numbers in bash's messages are those of the command. `eval` and
# not `source`: a syntax error is then an error of the command, and the state is still saved.
# First of all it offers itself to the kernel's killer, as `job` does for Python: what it inherits
# from the runner is lower, and the interpreter would be ended in its place.
BEGINNING = (
    "{ echo 1000 >/proc/self/oom_score_adj; } 2>/dev/null; "
    "shopt -s expand_aliases; "
    "source /dev/fd/58 2>/dev/null; exec 58<&-; "
)
COMMAND = '__bellglass_command=$(</dev/fd/57); exec 57<&-; builtin eval -- "$__bellglass_command"'

PRELUDE = (
    BEGINNING + "__bellglass_save() { trap - EXIT; unset __bellglass_command; "
    "{ declare -p; declare -f; alias -p; shopt -p; "
    "printf 'builtin cd -- %q 2>/dev/null\\n# end of state\\n' \"$PWD\"; } >&59; } 2>/dev/null; "
    f"trap __bellglass_save EXIT; {COMMAND}"
)

BACKGROUND = f"{BEGINNING}trap wait EXIT; {COMMAND}"
"""A run lasts as long as what it put in the background: `server &` is what it was begun for."""


class Shell:
    """The shell of a session, between calls a text."""

    def __init__(self, environment: Mapping[str, str] = MappingProxyType({})) -> None:
        """`environment`: more than what we have ourselves, or other than that."""
        self._state = b""
        self._environment = {name: os.environ[name] for name in _KEPT if name in os.environ}
        self._environment.update(environment)

    def start(self, command: str) -> Job:
        """Start a bash that runs `command`.

        Raises:
            ValueError: The command is longer than a pipe can hold.
        """
        old_read = _filled(self._state)
        command_read = _filled(command.encode("utf-8", "replace"))
        new_read, new_write = _pipe()
        keep = {OLD_STATE_FD: old_read, COMMAND_FD: command_read, NEW_STATE_FD: new_write}
        try:
            job = start_program([*BASH, PRELUDE, "bash"], self._environment, keep)
        finally:
            for fd in keep.values():
                os.close(fd)
        os.set_blocking(new_read, False)
        job.side, job.side_data = new_read, bytearray()
        return job

    def become(self, command: str) -> NoReturn:
        """Be the bash of a background run, which finds the same and leaves nothing.

        In a child of PID 1. The descriptors come from files in memory that only it has.
        """
        for data, number in ((self._state, OLD_STATE_FD), (command.encode(), COMMAND_FD)):
            os.dup2(_filled(data), number)
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        keep_descendants()
        os.execvpe("bash", [*BASH, BACKGROUND, "bash"], self._environment)

    def finish(self, job: Job) -> None:
        """Take the state that the bash of `job` left, if it came to write one."""
        data = bytes(job.side_data)
        if data.endswith(END) and len(data) <= STATE_BYTES:
            self._state = data


def _filled(data: bytes) -> int:
    """Return a descriptor to read `data` from.

    Of a file without a name: the kernel counts pipe buffers over all sessions of one user, and
    one session can use them up. Where the disk of this one is full, of a pipe.
    """
    if len(data) <= STATE_BYTES:
        try:
            fd = os.open("/tmp", os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o600)
        except OSError:
            pass
        else:
            try:
                if os.pwrite(fd, data, 0) == len(data):
                    return fd
            except OSError:
                pass
            os.close(fd)
    reader, writer = _pipe()
    os.set_blocking(writer, False)
    try:
        if data and os.write(writer, data) < len(data):
            raise BlockingIOError
    except BlockingIOError:
        os.close(reader)
        raise ValueError(f"The command is longer than {STATE_BYTES:,} bytes.") from None
    finally:
        os.close(writer)
    return reader


def _pipe() -> tuple[int, int]:
    reader, writer = os.pipe()
    try:
        fcntl.fcntl(writer, F_SETPIPE_SZ, STATE_BYTES)
    except OSError:
        pass  # the user has no more pages for pipes: 64 KiB must do
    return reader, writer
