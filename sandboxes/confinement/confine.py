"""The last steps before the runner: what a process can give up by itself."""

from __future__ import annotations

import os

from bellglass.sandboxes.confinement import filter, landlock, libc, limits
from bellglass.sandboxes.confinement.failure import Failure, step


def program(machine: str, *, counted: bool) -> bytes:
    """Return the system call filter for a machine; `counted` as for `filter.build`.

    Raises:
        Failure: We have none for it.
    """
    if machine not in filter.AUDIT_ARCHITECTURES:
        raise Failure("system call filter", 0, f"there is no filter for {machine}")
    return filter.build(machine, counted=counted)


def confine(
    session: dict[str, int],
    the_filter: bytes,
    environment: dict[str, str],
    *,
    count_processes: bool,
) -> int:
    """Give up all that can be given up; the filter is last, as it denies some of these steps.

    `count_processes`: the user is this session's alone, so that the kernel's count of his processes
    is the session's. Returns the version of Landlock.
    """
    with step("resource limits"):
        limits.apply(session, count_processes=count_processes)
    os.environ.clear()
    os.environ.update(environment)
    os.umask(0o022)
    os.chdir("/work")
    with step("no_new_privs"):
        libc.prctl(libc.PR_SET_NO_NEW_PRIVS, 1)
    with step("Landlock"):
        version = landlock.restrict()
    with step("system call filter"):
        filter.install(the_filter)
    return version
