"""Apply the last restrictions before the supervisor runs: those a process can put on itself."""

from __future__ import annotations

import os

from bellglass.sandboxes.confinement import landlock, libc, resource_limits, syscall_filter
from bellglass.sandboxes.confinement.failure import Failure, step


def program(machine: str, *, counted: bool) -> bytes:
    """Return the system call filter for an architecture; `counted` as for `filter.build`.

    Raises:
        Failure: There is no filter for it.
    """
    if machine not in syscall_filter.AUDIT_ARCHITECTURES:
        raise Failure("system call filter", 0, f"there is no filter for {machine}")
    return syscall_filter.build(machine, counted=counted)


def confine(
    session: dict[str, int],
    the_filter: bytes,
    environment: dict[str, str],
    *,
    count_processes: bool,
) -> int:
    """Apply all restrictions; the filter comes last, because it denies some of the other steps.

    `count_processes`: no other session has this uid, so the kernel's count of processes of this uid
    is the session's. Returns the version of Landlock.
    """
    with step("resource limits"):
        resource_limits.apply(session, count_processes=count_processes)
    os.environ.clear()
    os.environ.update(environment)
    os.umask(0o022)
    os.chdir("/work")
    with step("no_new_privs"):
        libc.prctl(libc.PR_SET_NO_NEW_PRIVS, 1)
    with step("Landlock"):
        version = landlock.restrict()
    with step("system call filter"):
        syscall_filter.install(the_filter)
    return version
