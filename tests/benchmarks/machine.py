"""The machine: its hardware, its load, and the resources of its processes."""

import contextlib
import os
import platform
import time
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import anyio

QUIET = 0.88
"""Share of idle time at which a round may start."""

WINDOW_SECONDS = 0.4
PATIENCE_SECONDS = 8.0


@dataclass
class Quiet:
    """Lets a round start when the machine is quiet, and counts those that could not wait."""

    rounds: int = 0
    disturbed: int = 0

    async def wait(self) -> None:
        self.rounds += 1
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            idle, total = _ticks()
            await anyio.sleep(WINDOW_SECONDS)
            later_idle, later_total = _ticks()
            if later_idle - idle >= QUIET * (later_total - total):
                return
        self.disturbed += 1


def _ticks() -> tuple[int, int]:
    """Return the idle and all ticks of the machine (proc_stat(5))."""
    fields = [int(field) for field in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]]
    return fields[3] + fields[4], sum(fields)


def description() -> dict[str, Any]:
    return {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "mcp": version("mcp"),
        "bellglass": version("bellglass"),
        "root": os.geteuid() == 0,
        "load": [round(load, 2) for load in os.getloadavg()],
    }


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


@dataclass(frozen=True)
class Memory:
    """Of one process or of several together, in bytes."""

    unshared: int = 0
    proportional: int = 0
    """With its part of the pages that it shares: half of what two have in common."""

    def __add__(self, other: "Memory") -> "Memory":
        return Memory(self.unshared + other.unshared, self.proportional + other.proportional)


def memory(pid: int) -> Memory:
    """Return the memory of a process.

    Raises:
        PermissionError: The process may not be inspected, as a supervisor, and we are not root.
    """
    sizes: dict[str, int] = {}
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]:
        name, size, *_ = line.split()
        sizes[name] = int(size) * 1024
    return Memory(sizes["Private_Clean:"] + sizes["Private_Dirty:"], sizes["Pss:"])


def peak_bytes(pid: int) -> int:
    """Return the most memory that a process has had at one time."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise AssertionError(f"no VmHWM of {pid}")


def below(pid: int) -> list[int]:
    """Return the processes below `pid`, at any depth."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parents[int(entry.name)] = int(_after_name(entry)[1])
            except OSError:
                continue
    found = [pid]
    for one in found:
        found.extend(child for child, parent in parents.items() if parent == one)
    return found[1:]


def supervisors_of(server: int) -> set[int]:
    """Return the supervisor of every sandbox that a server has open.

    They are no children of the server, but it holds a descriptor of each (and of the zygote, which
    is the parent of supervisors and is left out), and each is number 1 in a namespace.
    """
    held: set[int] = set()
    for entry in Path(f"/proc/{server}/fdinfo").iterdir():
        with contextlib.suppress(FileNotFoundError):  # it was just closed
            told = entry.read_text().splitlines()
            held.update(int(line.split()[1]) for line in told if line.startswith("Pid:"))
    first = {pid for pid in held if _numbers(pid)[1:] and _numbers(pid)[-1] == "1"}
    return {pid for pid in first if not first & set(below(pid))}


def _numbers(pid: int) -> list[str]:
    """Return the process's number in each of its pid namespaces, the outermost first."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return []
    return next(line for line in status.splitlines() if line.startswith("NSpid:")).split()[1:]


def _after_name(entry: Path) -> list[str]:
    return (entry / "stat").read_text().rpartition(")")[2].split()
