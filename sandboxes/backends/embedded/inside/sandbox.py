"""Set up a sandbox: what its first process does before it becomes the supervisor."""

from __future__ import annotations

import fcntl
import itertools
import os
import socket
from typing import TYPE_CHECKING, NamedTuple

from bellglass.sandboxes.backends.embedded.inside import lending, mounts, namespaces, network
from bellglass.sandboxes.backends.embedded.inside.failure import as_frame, receive_frame, send_frame
from bellglass.sandboxes.backends.embedded.inside.plan import HOSTNAME, MASKED
from bellglass.sandboxes.common import lent_copies, packages
from bellglass.sandboxes.common.lent_copies import LentCopy
from bellglass.sandboxes.common.limits import MAX_PACKAGE_FILES, MAX_SCRATCH_FILES
from bellglass.sandboxes.confinement import confine, libc, resource_limits
from bellglass.sandboxes.confinement.failure import Failure, step

if TYPE_CHECKING:
    from typing import NoReturn

STREAM_FD = 3
"""Descriptor of the stream to the server; those of the control group's counters follow it."""

_MIN_MOVED_DESCRIPTOR = 20


class Descriptors(NamedTuple):
    """Descriptors that the server passes to a new sandbox."""

    stream: int
    joins: list[int]
    """A process that writes "0" to these joins the control groups of the sandbox."""
    counters: dict[str, int]
    """Counters of its control group, by their names in the supervisor's configuration."""
    mapped: bool = False
    """The server, and not this process, maps the sandbox's user to a uid of the machine."""
    folders: list[int] = []  # noqa: RUF012 - never changed
    """Detached mounts of lent folders."""


def main(given: Descriptors, prepared: Prepared, *, own_namespaces: bool) -> NoReturn:
    """Complete the confinement, step by step, and become the supervisor.

    `own_namespaces`: the process was cloned into new namespaces, which are set up here; otherwise
    bubblewrap has set them up. If a step fails, no code runs.
    """
    server = socket.socket(fileno=given.stream)
    try:
        # The first step, so that all memory from here on is counted.
        with step("join the control group"):
            for join in given.joins:
                os.write(join, b"0")
        given_socket, server = server, _only_descriptors(given)
        given_socket.detach()  # its descriptor was closed, or reused for another file
        config = receive_frame(server)
        session: dict[str, int] = config["limits"]  # type: ignore[assignment]
        folders: list[str] = config.pop("folders", [])  # type: ignore[assignment]
        masks: list[tuple[str, bool]] = config.pop("masks", [])  # type: ignore[assignment]
        copies = [LentCopy(*copy) for copy in config.pop("copies", [])]  # type: ignore[attr-defined]
        # With this byte the kernel tells the server our process id on the host.
        server.send(b"p")
        if own_namespaces:
            # While the server does its part, do all that does not depend on it.
            if not given.mapped:
                with step("map the user"):
                    namespaces.map_ids((namespaces.INSIDE_ID,) * 2, prepared.outside)
            config["locks_fd"] = _isolate(session, prepared.masked)
            _attach(folders, STREAM_FD + 1 + len(given.counters))
        # The server answers when it has our pidfd, has moved us into the control group, and has
        # mapped our user, if it may choose a uid.
        if server.recv(1) != b"g":
            os._exit(0)
        if own_namespaces:
            if given.mapped:
                with step("take the user"):
                    namespaces.become(namespaces.INSIDE_ID)
            _make_directories(session)
            lending.hide(masks)
            copies = lending.lay_over(copies, masks, session["disk_bytes"], session["files"])
            with step("unshare cgroup namespace"):
                libc.unshare(namespaces.NEWCGROUP)
            with step("limit kernel objects"):
                namespaces.limit_kernel_objects()
        version = _confine(session, prepared)
        for copy in copies:
            if not copy.layer:
                _fill(copy)
        config["copies"] = copies
        send_frame(server, {"type": "confined", "landlock": version})
        from bellglass.sandboxes.supervisor import main as supervisor
        from bellglass.sandboxes.worker import worker

        config.update(zip(given.counters, itertools.count(STREAM_FD + 1)))
        supervisor.serve(STREAM_FD, STREAM_FD, config, worker.main)
    except BaseException as exc:
        send_frame(server, as_frame(exc))
    os._exit(1)


class Prepared:
    """Data that is made once before the first sandbox, to save time in each."""

    def __init__(self, machine: str, environment: dict[str, str]) -> None:
        self.programs = {
            counted: confine.program(machine, counted=counted) for counted in (False, True)
        }
        self.environment = environment
        self.outside = (os.getuid(), os.getgid())
        self.masked = [path for path in MASKED if os.path.exists(path)]


def _only_descriptors(given: Descriptors) -> socket.socket:
    """Close everything but the stream, the counters and an empty standard input and output."""
    null = os.open("/dev/null", os.O_RDWR)
    wanted = [null, null, null, given.stream, *given.counters.values(), *given.folders]
    # Copy them to high numbers first: a target number may be one of the given descriptors.
    copies = [fcntl.fcntl(fd, fcntl.F_DUPFD, _MIN_MOVED_DESCRIPTOR) for fd in wanted]
    for to, fd in enumerate(copies):
        os.dup2(fd, to, inheritable=to < STREAM_FD)
    try:
        libc.syscall("close_range", len(wanted), 0x7FFFFFFF, 0)
    except OSError:  # Linux before 5.9
        os.closerange(len(wanted), 1024)
    return socket.socket(fileno=STREAM_FD)


def _isolate(session: dict[str, int], masked: list[str]) -> int:
    """Set up the sandbox's own proc, loopback and host name.

    The `masked` files of proc are hidden by empty files, because programs expect them to exist.
    Returns a descriptor of /proc/locks, for the supervisor.
    """
    with step("mounts private"):
        mounts.make_private()
    with step("mount proc"):
        mounts.proc("/proc")
    with step("mask proc"):
        locks = os.open("/proc/locks", os.O_RDONLY | os.O_CLOEXEC)
        for path in masked:
            mounts.bind("/dev/null", path)
    with step("loopback"):
        network.loopback_up()
        if not session.get("counted_by_group", 1):
            network.bound_buffers()
    with step("hostname"):
        libc.sethostname(HOSTNAME)
    return locks


def _fill(copy: LentCopy) -> None:
    with step("copy a lent folder"):
        try:
            lent_copies.fill(copy)
        except lent_copies.TooLarge as exc:
            raise Failure("copy a lent folder", 0, str(exc)) from exc


def _attach(targets: list[str], first: int) -> None:
    """Mount the lent folders, whose descriptors are from the number `first` on."""
    for descriptor, target in enumerate(targets, first):
        with step(f"lend {target}"):
            mounts.attach(descriptor, target)
        os.close(descriptor)


def _make_directories(session: dict[str, int]) -> None:
    """Mount the writable directories; they belong to the current user."""
    scratch = session["scratch_bytes"]
    for target, size, inodes, mode in (
        ("/work", session["disk_bytes"], session["files"], 0o700),
        ("/tmp", scratch, MAX_SCRATCH_FILES, 0o1777),
        ("/dev/shm", scratch, MAX_SCRATCH_FILES, 0o1777),
        (packages.OWN, session["packages_bytes"], MAX_PACKAGE_FILES, 0o700),
    ):
        if not size:
            continue
        os.makedirs(target, exist_ok=True)
        with step(f"mount {target}"):
            mounts.tmpfs(target, size, inodes, mode)


def _confine(session: dict[str, int], prepared: Prepared) -> int:
    """Apply all restrictions to this process; return the version of Landlock."""
    with step("capabilities"):
        namespaces.drop_capabilities()
    with step("out of memory score"):
        resource_limits.offer_to_oom_killer()
    program = prepared.programs[bool(session.get("counted_by_group", 1))]
    return confine.confine(session, program, prepared.environment, count_processes=True)
