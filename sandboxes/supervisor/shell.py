"""The session's shell: one bash process per call, with the state of the call before.

The next call finds a fresh process, whatever happened to the last one. The state that users expect
to last travels as text in a nameless file: bash writes it when it ends, the supervisor keeps it
open, and the next bash reads it. Only bash interprets it.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import signal
from collections.abc import Mapping
from types import MappingProxyType
from typing import NoReturn

from bellglass.sandboxes.common.jobs import OLD_STATE_FD, JobShell
from bellglass.sandboxes.common.process import keep_descendants
from bellglass.sandboxes.supervisor.job import Job, start_program
from bellglass.sandboxes.supervisor.shell_text import (
    BACKGROUND,
    COMMAND_FD,
    END,
    NEW_STATE_FD,
    PROGRAM,
    around,
)

PIPE_BYTES = 1 << 20  # fs.pipe-max-size, the most that a pipe holds for a user without privilege
F_SETPIPE_SZ = 1031  # include/uapi/linux/fcntl.h; in `fcntl` from Python 3.10 on

BASH = ("bash", "--noprofile", "--norc", "-c")

DISKS = ("/tmp", "/dev/shm")
"""Where the state file may lie: code that fills one disk often leaves the other."""

_KEPT = (
    *("PATH", "HOME", "LANG", "TMPDIR", "USER", "VIRTUAL_ENV", "MPLBACKEND"),
    *("PIP_RETRIES", "PIP_DISABLE_PIP_VERSION_CHECK", "npm_config_offline"),
    *("npm_config_fetch_retries", "npm_config_cache"),
    *("GIT_TERMINAL_PROMPT", "VIMINIT"),
)
"""Environment variables of ours for every shell."""


class Shell:
    """The shell of a session, which is a text between calls."""

    def __init__(self, environment: Mapping[str, str] = MappingProxyType({})) -> None:
        """`environment`: variables that are added to ours, or replace them."""
        self._state = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
        self._next = -1
        self._environment = {name: os.environ[name] for name in _KEPT if name in os.environ}
        self._environment.update(environment)

    def start(self, command: str) -> Job:
        """Start a bash that runs `command`; `finish` must be called when it has ended.

        Raises:
            ValueError: There is no space for the command.
        """
        text = command.replace("\0", "")
        if self._next >= 0:
            os.close(self._next)  # left by a command that could not be started
        self._next = _state_file()
        command_fd = _readable(text.encode("utf-8", "replace"))
        keep = {OLD_STATE_FD: self._state, COMMAND_FD: command_fd, NEW_STATE_FD: self._next}
        try:
            return start_program([*BASH, around(text), "bash"], self._environment, keep)
        finally:
            os.close(command_fd)

    @property
    def state(self) -> int:
        """The descriptor of the state that the last shell left."""
        return self._state

    def for_job(self, state: int) -> JobShell:
        """Return this shell for a child of process 1, in which the state has the number `state`."""
        return JobShell(state, [*BASH, PROGRAM, "bash"], self._environment)

    def become(self, command: str, state: int) -> NoReturn:
        """Replace this process by the bash of a background run, which leaves no state.

        It runs in a child of PID 1, in which our state has the descriptor `state`.
        """
        os.dup2(state, OLD_STATE_FD)
        os.dup2(_readable(command.replace("\0", "").encode()), COMMAND_FD)
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        keep_descendants()
        os.execvpe("bash", [*BASH, BACKGROUND, "bash"], self._environment)

    def finish(self) -> bool:
        """Take over the state that bash left; return False if it is missing or incomplete."""
        state, self._next = self._next, -1
        end = os.pread(state, len(END), max(0, os.fstat(state).st_size - len(END)))
        if end == END:
            state, self._state = self._state, state
        os.close(state)
        return end == END


def _state_file() -> int:
    """Open a nameless file on the disk with the most space, or else /dev/null."""
    for disk in sorted(DISKS, key=_free_bytes, reverse=True):
        try:
            return _nameless(disk)
        except OSError:
            pass
    return os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)


def _nameless(disk: str) -> int:
    try:
        return os.open(disk, os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o600)
    except OSError:  # gVisor has no O_TMPFILE: the name is removed before any code runs
        path = os.path.join(disk, f".bellglass-{secrets.token_hex(8)}")
        file = os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600)
        os.unlink(path)
        return file


def _free_bytes(disk: str) -> int:
    try:
        return os.statvfs(disk).f_bavail
    except OSError:
        return 0


def _readable(data: bytes) -> int:
    """Return a descriptor to read `data` from.

    It is a nameless file, because the kernel counts pipe buffers over all sessions of one user, and
    one session can use them up. If the disks of this session are full, it is a pipe.
    """
    fd = _state_file()
    try:
        if os.pwrite(fd, data, 0) == len(data) == os.fstat(fd).st_size:
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
        raise ValueError(
            "The command was not run: the disk of the session is full. Delete files first."
        ) from None
    finally:
        os.close(writer)
    return reader


def _pipe() -> tuple[int, int]:
    reader, writer = os.pipe()
    try:
        fcntl.fcntl(writer, F_SETPIPE_SZ, PIPE_BYTES)
    except OSError:
        pass  # the user has used up the pages for pipes: 64 KiB must do
    return reader, writer
