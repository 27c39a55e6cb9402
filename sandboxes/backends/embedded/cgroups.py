"""A control group for each place: the one bound on the memory of all its processes together.

Tried in this order: version 2, where the server's own group is delegated to it; version 1, where
its memory and pids hierarchies are writable; version 2, in a scope that systemd makes for us; none.
Without one, the runner watches the memory.

Version 2 is written by Documentation/admin-guide/cgroup-v2.rst, and tested on directories only.
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

    from bellglass.sandboxes.limits import Limits

_SPARE_PROCESSES = 16
"""RLIMIT_NPROC is the limit; pids.max only holds where that one does not."""

_TCP_BYTES = 64 * 1024**2

_REMOVE_SECONDS = 2.0
_count = itertools.count()


class Group:
    """The control groups of one place; without directories, none."""

    def __init__(self) -> None:
        self.directories: list[Path] = []
        self.joins: list[int] = []
        """Descriptors of files that a process writes "0" to, to be in the group."""
        self.counters: dict[str, int] = {}
        """Descriptors of what it counts, by their names in the supervisor's configuration."""

    @property
    def bounds_memory(self) -> bool:
        return bool(self.directories)

    def count(self, name: str, path: Path) -> None:
        """Let the supervisor read this file under this name."""
        self.counters[name] = os.open(path, os.O_RDONLY | os.O_CLOEXEC)

    async def add(self, pid: int) -> None:
        """Put a process in, where it cannot do that itself (version 2)."""
        if self.directories and not self.joins:
            file = self.directories[0] / "cgroup.procs"
            # In a thread: the kernel waits for all processors, 10 ms.
            await anyio.to_thread.run_sync(file.write_text, str(pid))

    def close(self) -> None:
        descriptors = [*self.joins, *self.counters.values()]
        self.joins, self.counters = [], {}
        for descriptor in descriptors:
            os.close(descriptor)

    async def remove(self) -> None:
        """Remove the directories; a group is busy for a moment after its last process ended."""
        with anyio.move_on_after(_REMOVE_SECONDS, shield=True):
            while self.directories:
                try:
                    self.directories[-1].rmdir()
                except FileNotFoundError:
                    self.directories.pop()
                except OSError:
                    # Version 2 since Linux 5.14, for what should have ended with process 1.
                    with contextlib.suppress(OSError):
                        write_setting(f"{self.directories[-1]}/cgroup.kill", "1")
                    await anyio.sleep(0.01)
                else:
                    self.directories.pop()


class Cgroups:
    """No control groups."""

    mechanism = "none"
    detail = (
        "no control group can be made, so the kernel does not bound it. While code runs, what is "
        "resident, shared memory and the number of sockets are looked at ten times a second; fast "
        "code gets some 200 MB further, and the kernel's own memory for small files, page tables "
        "and shared memory that is mapped and given up between two looks is not counted"
    )

    @contextmanager
    def group(self, limits: Limits) -> Iterator[Group]:
        """Make the group of a place. Its descriptors are closed on leaving, not its processes.

        Raises:
            LaunchFailed: It cannot be made.
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
                        directory.rmdir()  # nothing was put in
                text = exc.strerror or type(exc).__name__
                raise LaunchFailed("make a control group", exc.errno or 0, text) from exc
            yield group
        finally:
            group.close()

    def _fill(self, group: Group, limits: Limits) -> None:
        raise NotImplementedError


class Version1(_Real):
    """Separate hierarchies for memory, processes and CPU time, which root may write to."""

    mechanism = "v1"

    def _fill(self, group: Group, limits: Limits) -> None:
        memory, pids, *cpu = group.directories
        size = str(limits.all_bytes)
        write_setting(f"{memory}/memory.limit_in_bytes", size)
        with contextlib.suppress(FileNotFoundError):  # a kernel that does not account swap
            write_setting(f"{memory}/memory.memsw.limit_in_bytes", size)
        write_setting(f"{memory}/memory.swappiness", "0")
        # TCP buffers count apart; without a limit the loopback of one place can take all memory
        # that the kernel has for TCP, also that of the host's connections.
        with contextlib.suppress(OSError):
            write_setting(f"{memory}/memory.kmem.tcp.limit_in_bytes", str(_TCP_BYTES))
        write_setting(f"{pids}/pids.max", str(limits.processes + _SPARE_PROCESSES))
        # Through `tasks`, by the process itself: cgroup.procs would cost 10 ms, for a lock that
        # one thread moving itself does not need (cgroup_procs_write_start in the kernel).
        for directory in group.directories:
            group.joins.append(os.open(directory / "tasks", os.O_WRONLY | os.O_CLOEXEC))
        group.count("memory_events_fd", memory / "memory.oom_control")
        for directory in cpu:
            group.count("cpu_time_fd", directory / "cpuacct.usage")


class Version2(_Real):
    """The unified hierarchy, below a group that was delegated to the server."""

    mechanism = "v2"

    def _fill(self, group: Group, limits: Limits) -> None:
        (directory,) = group.directories
        write_setting(f"{directory}/memory.max", str(limits.all_bytes))
        for name, value in (
            ("memory.swap.max", 0),  # not there if the kernel does not account swap
            ("memory.oom.group", 0),  # one process is ended, and the runner tells of it
            ("pids.max", limits.processes + _SPARE_PROCESSES),
        ):
            with contextlib.suppress(FileNotFoundError):
                write_setting(f"{directory}/{name}", str(value))
        group.count("memory_events_fd", directory / "memory.events")
        group.count("cpu_time_fd", directory / "cpu.stat")


def probe(proc: Path = Path("/proc")) -> Cgroups:
    """Find the mechanism that works for this process, by making and removing a group.

    Takes milliseconds, or seconds where systemd does not answer.
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
    """Make and remove a group, which is an OSError where that is not possible."""
    directory = parent / f"{_own_name(os.getpid())}-probe"
    directory.mkdir()
    directory.rmdir()


def _counts_memory(own: Path) -> bool:
    """Tell if the top of the unified hierarchy has the memory controller: see cgroups(7)."""
    files = (directory / "cgroup.controllers" for directory in (own, *own.parents))
    last = None
    for file in files:
        if not file.exists():
            break
        last = file
    return last is not None and "memory" in last.read_text().split()


def _delegate(own: Path) -> None:
    """See to it that groups below our own have the memory controller.

    A group with processes cannot give controllers to groups below it: the server moves into a
    leaf. If others are there too, the group was not made for us, and everything stays as it was.
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
    """Return the directory of our own group by controller; "" is the unified hierarchy."""
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
    """Return what the names of our groups begin with: by it `_sweep` knows whose they are."""
    return f"bellglass-{pid}-{_start_time(pid)}"


def _start_time(pid: int) -> str:
    """Return when a process started, in ticks since boot: with the id, it names it for ever."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return ""
    return stat.rpartition(")")[2].split()[19]  # field 22 of proc(5)


def _sweep(parent: Path) -> None:
    """Remove the groups of servers that were killed: with them their places ended."""
    for directory in parent.glob("bellglass-*-*-*"):
        _, pid, started, _ = directory.name.split("-", 3)
        if pid.isdigit() and _start_time(int(pid)) != started:
            with contextlib.suppress(OSError):
                directory.rmdir()
