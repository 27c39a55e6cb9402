"""A control group per sandbox, which limits the memory of all its processes together.

These mechanisms are tried in order: version 2, if the server's own group is delegated to it;
version 1, if the memory and pids hierarchies are writable; version 2 in a scope that systemd
makes; none. Without a control group, the supervisor watches the memory.

Version 2 follows Documentation/admin-guide/cgroup-v2.rst, and is tested on plain directories only.
"""

from __future__ import annotations

import contextlib
import itertools
import os
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import anyio

from bellglass.sandboxes.backends.embedded import scope
from bellglass.sandboxes.backends.embedded.failure import LaunchFailed
from bellglass.sandboxes.confinement.libc import write_setting

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bellglass.sandboxes.session_limits import Limits

_RESERVED_PROCESSES = 16
"""Added to pids.max, which is a backstop: RLIMIT_NPROC is the limit that users set."""

_MAX_TCP_BYTES = 64 * 1024**2

_REMOVE_TIMEOUT_SECONDS = 2.0
_count = itertools.count()


class Group:
    """The control groups of one sandbox; without directories, it has none."""

    def __init__(self) -> None:
        self.directories: list[Path] = []
        self.joins: list[int] = []
        """Descriptors of files; a process that writes "0" to them joins the group."""
        self.counters: dict[str, int] = {}
        """Descriptors of its counters, by their names in the supervisor's configuration."""

    @property
    def bounds_memory(self) -> bool:
        return bool(self.directories)

    def count(self, name: str, path: Path) -> None:
        """Open a counter for the supervisor, under this name."""
        self.counters[name] = os.open(path, os.O_RDONLY | os.O_CLOEXEC)

    async def add(self, pid: int) -> None:
        """Move a process into the group, if it cannot join by itself (version 2)."""
        if self.directories and not self.joins:
            file = self.directories[0] / "cgroup.procs"
            # In a thread: the kernel waits for all processors, which takes 10 ms.
            await anyio.to_thread.run_sync(file.write_text, str(pid))

    def close(self) -> None:
        descriptors = [*self.joins, *self.counters.values()]
        self.joins, self.counters = [], {}
        for descriptor in descriptors:
            os.close(descriptor)

    async def remove(self) -> None:
        """Remove the directories. A group is busy for a moment after its last process ended."""
        with anyio.move_on_after(_REMOVE_TIMEOUT_SECONDS, shield=True):
            while self.directories:
                try:
                    self.directories[-1].rmdir()
                except FileNotFoundError:
                    self.directories.pop()
                except OSError:
                    # Version 2 since Linux 5.14: kill what has not ended with process 1.
                    with contextlib.suppress(OSError):
                        write_setting(f"{self.directories[-1]}/cgroup.kill", "1")
                    await anyio.sleep(0.01)
                else:
                    self.directories.pop()


class Cgroups:
    """The mechanism without control groups."""

    mechanism = "none"
    detail = (
        "no control group can be made, so the kernel does not limit it. While code runs, a watcher "
        "checks resident memory, shared memory and the number of sockets ten times a second; fast "
        "code can exceed the limit by some 200 MB, and kernel memory for small files, page tables "
        "and shared memory that is mapped and freed between two checks is not counted"
    )

    @contextmanager
    def group(self, limits: Limits) -> Iterator[Group]:
        """Make the group of a sandbox. Leaving closes its descriptors; it does not end processes.

        Raises:
            LaunchFailed: The group cannot be made.
        """
        yield Group()


class _Real(Cgroups):
    def __init__(self, parents: list[Path]) -> None:
        self.parents = parents
        self.detail = f"below {parents[0]}"
        for parent in parents:
            _sweep(parent)

    @contextmanager
    def group(self, limits: Limits) -> Iterator[Group]:
        name = f"{_own_name(os.getpid())}-{next(_count)}"
        group = Group()
        try:
            try:
                for parent in self.parents:
                    directory = parent / name
                    directory.mkdir()
                    group.directories.append(directory)
                self._fill(group, limits)
            except OSError as exc:
                for directory in group.directories:
                    with contextlib.suppress(OSError):
                        directory.rmdir()  # no process has joined yet
                text = exc.strerror or type(exc).__name__
                raise LaunchFailed("make a control group", exc.errno or 0, text) from exc
            yield group
        finally:
            group.close()

    def _fill(self, group: Group, limits: Limits) -> None:
        raise NotImplementedError


class Version1(_Real):
    """Version 1: separate hierarchies for memory, processes and CPU time, writable by root."""

    mechanism = "v1"

    def _fill(self, group: Group, limits: Limits) -> None:
        memory, pids, *cpu = group.directories
        size = str(limits.all_bytes)
        write_setting(f"{memory}/memory.limit_in_bytes", size)
        with contextlib.suppress(FileNotFoundError):  # the kernel does not account swap
            write_setting(f"{memory}/memory.memsw.limit_in_bytes", size)
        write_setting(f"{memory}/memory.swappiness", "0")
        # TCP buffers are counted separately. Without a limit, the loopback of one sandbox can use
        # up the memory that the kernel has for all TCP connections, also those of the host.
        with contextlib.suppress(OSError):
            write_setting(f"{memory}/memory.kmem.tcp.limit_in_bytes", str(_MAX_TCP_BYTES))
        write_setting(f"{pids}/pids.max", str(limits.processes + _RESERVED_PROCESSES))
        # The process writes to `tasks` itself: cgroup.procs would take 10 ms, for a lock that a
        # thread which moves itself does not need (cgroup_procs_write_start in the kernel).
        for directory in group.directories:
            group.joins.append(os.open(directory / "tasks", os.O_WRONLY | os.O_CLOEXEC))
        group.count("memory_events_fd", memory / "memory.oom_control")
        for directory in cpu:
            group.count("cpu_time_fd", directory / "cpuacct.usage")


class Version2(_Real):
    """Version 2: the unified hierarchy, below a group that is delegated to the server."""

    mechanism = "v2"

    def _fill(self, group: Group, limits: Limits) -> None:
        (directory,) = group.directories
        write_setting(f"{directory}/memory.max", str(limits.all_bytes))
        for name, value in (
            ("memory.swap.max", 0),  # missing if the kernel does not account swap
            ("memory.oom.group", 0),  # one process is killed, and the supervisor reports it
            ("pids.max", limits.processes + _RESERVED_PROCESSES),
        ):
            with contextlib.suppress(FileNotFoundError):
                write_setting(f"{directory}/{name}", str(value))
        group.count("memory_events_fd", directory / "memory.events")
        group.count("cpu_time_fd", directory / "cpu.stat")


def probe(proc: Path = Path("/proc")) -> Cgroups:
    """Find a mechanism that works, by making and removing a group.

    This takes milliseconds, or seconds if systemd does not answer.
    """
    own = _own_groups(proc)
    with contextlib.suppress(OSError, KeyError):
        _delegate(own[""])
        return Version2([own[""]])
    with contextlib.suppress(OSError, KeyError):
        parents = [own["memory"], own["pids"]]
        for parent in parents:
            _try(parent)
        with contextlib.suppress(OSError, KeyError):
            _try(own["cpuacct"])
            parents.append(own["cpuacct"])
        return Version1(parents)
    if "" in own and _counts_memory(own[""]) and scope.request(proc):
        with contextlib.suppress(OSError, KeyError):
            own = _own_groups(proc)
            _delegate(own[""])
            return Version2([own[""]])
    return Cgroups()


def _try(parent: Path) -> None:
    """Make and remove a group; raise OSError if that is not possible."""
    directory = parent / f"{_own_name(os.getpid())}-probe"
    directory.mkdir()
    directory.rmdir()


def _counts_memory(own: Path) -> bool:
    """Whether the root of the unified hierarchy has the memory controller, see cgroups(7)."""
    files = (directory / "cgroup.controllers" for directory in (own, *own.parents))
    last = None
    for file in files:
        if not file.exists():
            break
        last = file
    return last is not None and "memory" in last.read_text().split()


def _delegate(own: Path) -> None:
    """Enable the memory controller for groups below our own.

    A group with processes cannot enable controllers for its children, so the server moves into a
    leaf. If the group has other processes too, it was not made for us, and nothing is changed.
    """
    given = (own / "cgroup.controllers").read_text().split()
    if "memory" not in given:
        raise OSError("no memory controller")
    control = own / "cgroup.subtree_control"
    if "memory" in control.read_text().split():
        _try(own)
        return
    leaf = own / f"{_own_name(os.getpid())}-server"
    leaf.mkdir()
    try:
        (leaf / "cgroup.procs").write_text("0")
        control.write_text(" ".join(f"+{name}" for name in ("memory", "pids") if name in given))
    except OSError:
        (own / "cgroup.procs").write_text("0")
        leaf.rmdir()
        raise


def _own_groups(proc: Path) -> dict[str, Path]:
    """Return the directories of our own groups by controller; "" is the unified hierarchy."""
    relative: dict[str, str] = {}
    for line in (proc / "self/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        for controller in controllers.split(","):
            relative[controller] = path
    found: dict[str, Path] = {}
    for line in (proc / "self/mountinfo").read_text().splitlines():
        left, _, right = line.partition(" - ")
        root, mount_point = left.split()[3:5]
        kind, _, options = right.split()[:3]
        if kind not in ("cgroup", "cgroup2"):
            continue
        for controller in [""] if kind == "cgroup2" else options.split(","):
            path = relative.get(controller, "")
            if path.startswith(root.rstrip("/") + "/") or path == root:
                found[controller] = Path(mount_point) / os.path.relpath(path, root)
    return found


@cache
def _own_name(pid: int) -> str:
    """Return the prefix of the names of our groups, by which `_sweep` knows their server."""
    return f"bellglass-{pid}-{_start_time(pid)}"


def _start_time(pid: int) -> str:
    """Return the start time of a process, in ticks since boot; with the pid it is unique."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return ""
    return stat.rpartition(")")[2].split()[19]  # field 22 of proc(5)


def _sweep(parent: Path) -> None:
    """Remove the groups of servers that were killed; their sandboxes ended with them."""
    for directory in parent.glob("bellglass-*-*-*"):
        _, pid, started, _ = directory.name.split("-", 3)
        if pid.isdigit() and _start_time(int(pid)) != started:
            with contextlib.suppress(OSError):
                directory.rmdir()
