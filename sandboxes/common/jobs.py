"""What a tool says of a job that it runs inside a sandbox, and what the job is given."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

OLD_STATE_FD = 58
"""Where a program that the session's shell starts finds what the shell knew. Out of the way of
`exec 3>file`, as all descriptors of ours in a shell are."""


class Job(NamedTuple):
    """One kind of job. It runs in a process of its own, which runs no foreign code itself."""

    run: Callable[..., None]
    """Called with the arguments of the request, a function that sends a message to the server and,
    if the job is `in_shell`, the session's shell."""

    writes: bool = False
    """The job may leave other files than it found. They are not told as changes of a call."""

    in_shell: bool = False
    """The job starts programs as the session's shell would. The other processes of the session
    stand still meanwhile."""

    clean_up: Callable[[], None] | None = None
    """What process 1 calls after the job, which may have been killed. It must not wait."""


class JobShell(NamedTuple):
    """The shell of a session, for a job that starts programs in it."""

    state: int
    """The descriptor of what the shell knew after its last call."""
    command: list[str]
    environment: dict[str, str]

    def program(self, argv: list[str], directory: str) -> tuple[list[str], dict[str, str]]:
        """Return how to start `argv` in `directory`: the arguments of a bash, its environment.

        That bash reads `state` from OLD_STATE_FD.
        """
        return [*self.command, directory, *argv], self.environment
