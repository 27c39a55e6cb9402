"""The supervisor's report about its confinement, and which protections it lacks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from bellglass.sandboxes.execution import CleanStr

if TYPE_CHECKING:
    from collections.abc import Container

    from bellglass.sandboxes.session_limits import Limits

Protection = Literal[
    "unprivileged_user",
    "no_capabilities",
    "no_new_privs",
    "system_call_filter",
    "no_network",
    "closed_supervisor",
    "read_only_disks",
    "memory_limit",
    "process_limit",
]

PROTECTIONS: dict[Protection, str] = {
    "unprivileged_user": "an unprivileged user",
    "no_capabilities": "an empty set of capabilities",
    "no_new_privs": "no_new_privs",
    "system_call_filter": "the system call filter",
    "no_network": "a network with only a loopback",
    "closed_supervisor": "a process 1 that the code cannot open",
    "read_only_disks": "disks that cannot be written to",
    "memory_limit": "a limit on memory",
    "process_limit": "a limit on processes",
}
"""The protections that every sandbox must have, in words."""


class SelfCheck(BaseModel):
    """The report of a supervisor from its own /proc, before any foreign code has run."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    python: CleanStr = Field(max_length=100)
    uid: int
    capabilities: int
    """Effective capabilities as a bit set."""
    no_new_privs: bool
    seccomp: int
    """0 none, 1 strict, 2 filter."""
    interfaces: list[Annotated[CleanStr, Field(max_length=50)]] = Field(max_length=100)
    closed_supervisor: bool
    """Whether the kernel keeps other processes from opening what process 1 has open."""
    writable_disks: list[Annotated[CleanStr, Field(max_length=500)]] = Field(max_length=100)
    """Mount points of persistent file systems that can be written to."""
    memory_bytes: int | None
    """The memory limit of its control group, if it can see one."""
    processes: int | None
    """The process limit of its control group, if it can see one."""

    def missing(self, waived: Container[str] = ()) -> list[str]:
        """Return in words the protections that are missing, except for those in `waived`."""
        present: dict[Protection, bool] = {
            "unprivileged_user": self.uid != 0,
            "no_capabilities": self.capabilities == 0,
            "no_new_privs": self.no_new_privs,
            "system_call_filter": self.seccomp == 2,
            "no_network": self.interfaces == ["lo"],
            "closed_supervisor": self.closed_supervisor,
            "read_only_disks": not self.writable_disks,
            "memory_limit": self.memory_bytes is not None,
            "process_limit": self.processes is not None,
        }
        return [
            words
            for protection, words in PROTECTIONS.items()
            if not present[protection] and protection not in waived
        ]

    def looser_than(self, limits: Limits) -> list[str]:
        """Return in words the limits that are enforced, but are looser than `limits`."""
        seen = {
            f"a limit on memory of {limits.all_bytes} bytes": (self.memory_bytes, limits.all_bytes),
            f"a limit of {limits.processes} processes": (self.processes, limits.processes),
        }
        return [
            words for words, (value, limit) in seen.items() if value is not None and value > limit
        ]
