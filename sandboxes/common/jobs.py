"""The declaration of a job, which a tool runs inside a sandbox, and the shell that it is given."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

OLD_STATE_FD = 58
"""Descriptor from which a bash that a job starts reads the saved state of the session's shell. It
is high, so that `exec 3>file` does not collide with it."""


class Job(NamedTuple):
    """One kind of job. It runs in a process of its own, which runs no foreign code itself."""

    run: Callable[..., None]
    """Called with the arguments of the request, a function that sends a message to the server, and
    the session's shell if the job is `in_shell`."""

    writes: bool = False
    """The job may change files. They are not reported as changes of a call."""

    in_shell: bool = False
    """The job starts programs as the session's shell would. The other processes of the session are
    stopped meanwhile."""

    clean_up: Callable[[], None] | None = None
    """The supervisor calls it after the job, which may have been killed. It must not block."""


class JobShell(NamedTuple):
    """The shell of a session, for a job that starts programs in it."""

    state: int
    """A descriptor of the state that the shell had after its last call."""
    command: list[str]
    environment: dict[str, str]

    def program(self, argv: list[str], directory: str) -> tuple[list[str], dict[str, str]]:
        """Return the command and the environment with which a bash starts `argv` in `directory`.

        That bash reads `state` from OLD_STATE_FD.
        """
        return [*self.command, directory, *argv], self.environment
