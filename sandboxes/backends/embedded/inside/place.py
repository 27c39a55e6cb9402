"""A place: what its first process does between its birth and the first line of the runner."""

from __future__ import annotations

import fcntl
import os
import socket
from typing import TYPE_CHECKING, NamedTuple

from bellglass.sandboxes.backends.embedded.inside import mounts, namespaces, network
from bellglass.sandboxes.backends.embedded.inside.failure import as_frame, receive_frame, send_frame
from bellglass.sandboxes.backends.embedded.inside.plan import HOSTNAME, MASKED
from bellglass.sandboxes.confinement import confine, libc, limits
from bellglass.sandboxes.confinement.failure import step

if TYPE_CHECKING:
    from typing import NoReturn

STREAM, EVENTS = 3, 4
"""Descriptors of a place: the stream to the server, and the memory events of its cgroup."""

_SCRATCH_INODES = 8192
_OUT_OF_THE_WAY = 20


class Descriptors(NamedTuple):
    """What the server gives a place."""

    stream: int
    joins: list[int]
    """Writing "0" to them joins the control groups of the place."""
    events: int | None
    mapped: bool = False
    """The server says which user of the machine that of the place is."""


def main(given: Descriptors, prepared: Prepared, *, own_namespaces: bool) -> NoReturn:
    """Finish the confinement, step by step, and become the runner.

    `own_namespaces`: the process was cloned into namespaces that nothing is done in yet; else
    bubblewrap has done it. Whatever fails, nothing runs.
    """
    server = socket.socket(fileno=given.stream)
    try:
        # First of all, so that all memory from here on is counted.
        with step("join the control group"):
            for join in given.joins:
                os.write(join, b"0")
        given_socket, server = server, _only_descriptors(given)
        given_socket.detach()  # its number is closed, or another file's
        config = receive_frame(server)
        session: dict[str, int] = config["limits"]  # type: ignore[assignment]
        # The server learns our process id on the host from the kernel, with this byte.
        server.send(b"p")
        if own_namespaces:
            with step("map the user"):
                _take_user(server, given, prepared.outside)
            _furnish(session)
            config["locks_fd"] = _mask()
        # By now the server holds our pidfd, and has put us into the control group.
        if server.recv(1) != b"g":
            os._exit(0)
        if own_namespaces:
            with step("unshare cgroup namespace"):
                libc.unshare(namespaces.NEWCGROUP)
            with step("limit kernel objects"):
                namespaces.limit_kernel_objects()
        version = _confine(session, prepared)
        send_frame(server, {"type": "placed", "landlock": version})
        from bellglass.sandboxes.supervisor import main as supervisor
        from bellglass.sandboxes.worker import worker

        config["memory_events_fd"] = None if given.events is None else EVENTS
        supervisor.serve(STREAM, STREAM, config, worker.main)
    except BaseException as exc:
        send_frame(server, as_frame(exc))
    os._exit(1)


class Prepared:
    """What is made once, before there is a place, because it would cost time in each."""

    def __init__(self, machine: str, environment: dict[str, str]) -> None:
        self.programs = {
            counted: confine.program(machine, counted=counted) for counted in (False, True)
        }
        self.environment = environment
        self.outside = (os.getuid(), os.getgid())


def _only_descriptors(given: Descriptors) -> socket.socket:
    """Close everything but the stream, the events and an empty standard input and output."""
    wanted = {0: None, 1: None, 2: None, STREAM: given.stream, EVENTS: given.events}
    # Copies out of the way first: any of these numbers may be one that we were given.
    null = os.open("/dev/null", os.O_RDWR)
    copies = {
        to: fcntl.fcntl(null if fd is None else fd, fcntl.F_DUPFD, _OUT_OF_THE_WAY)
        for to, fd in wanted.items()
    }
    for to, fd in copies.items():
        os.dup2(fd, to, inheritable=to < STREAM)
    try:
        libc.syscall("close_range", EVENTS + 1, 0x7FFFFFFF, 0)
    except OSError:  # Linux before 5.9
        os.closerange(EVENTS + 1, 1024)
    return socket.socket(fileno=STREAM)


def _take_user(server: socket.socket, given: Descriptors, outside: tuple[int, int]) -> None:
    """Be the user of the place: one of its own, if the server maps it; else whoever we are."""
    if not given.mapped:
        namespaces.map_ids((namespaces.INSIDE_ID, namespaces.INSIDE_ID), outside)
        return
    if server.recv(1) != b"m":
        os._exit(0)
    namespaces.become(namespaces.INSIDE_ID)


def _furnish(session: dict[str, int]) -> None:
    """Make what is the place's own: its directories, its proc, its loopback."""
    with step("mounts private"):
        mounts.make_private()
    scratch = session["scratch_bytes"]
    for target, size, inodes, mode in (
        ("/work", session["disk_bytes"], session["files"], 0o700),
        ("/tmp", scratch, _SCRATCH_INODES, 0o1777),
        ("/dev/shm", scratch, _SCRATCH_INODES, 0o1777),
    ):
        with step(f"mount {target}"):
            mounts.tmpfs(target, size, inodes, mode)
    with step("mount proc"):
        mounts.proc("/proc")
    with step("loopback"):
        network.loopback_up()
        if not session.get("counted_by_group", 1):
            network.bound_buffers()
    with step("hostname"):
        libc.sethostname(HOSTNAME)


def _mask() -> int:
    """Hide files of proc from the code; return a descriptor of the list of locks, for the runner.

    With an empty file, because programs expect one.
    """
    with step("mask proc"):
        locks = os.open("/proc/locks", os.O_RDONLY | os.O_CLOEXEC)
        for path in MASKED:
            if os.path.exists(path):
                mounts.bind_device("/dev/null", path)
    return locks


def _confine(session: dict[str, int], prepared: Prepared) -> int:
    """Give up all that can be given up; return the version of Landlock."""
    with step("capabilities"):
        namespaces.drop_capabilities()
    with step("out of memory score"):
        limits.offer_to_oom_killer()
    program = prepared.programs[bool(session.get("counted_by_group", 1))]
    return confine.confine(session, program, prepared.environment, count_processes=True)
