"""Labels of containers that identify their server, in order to find those of killed servers.

A running container ends with the connection of its server. A killed server can leave containers
that were created and not started, or that somebody paused.
"""

from __future__ import annotations

import os
import secrets
import time
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Set

_PREFIX = "bellglass."
OWNER = _PREFIX + "owner"
_SESSION = _PREFIX + "session"
_PROCESS = _PREFIX + "process"
_CREATED = _PREFIX + "created"
_EXPIRES = _PREFIX + "expires"
_VERSION = _PREFIX + "version"

MAX_UNSTARTED_SECONDS = 600.0
"""A container is started right after its creation: after this long its server must be dead."""


@dataclass(frozen=True)
class Found:
    """A container with labels of bellglass, as an engine lists it."""

    id: str
    name: str
    state: str
    labels: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Owner:
    """The server process that owns containers, as their labels name it."""

    lifetime_seconds: float
    """Maximum age of a container. Older ones are abandoned, whatever host their owner runs on."""

    id: str = field(default_factory=lambda: secrets.token_hex(8))

    def labels(self, session_id: str) -> dict[str, str]:
        """Return the labels for a new container."""
        now = time.time()
        return {
            OWNER: self.id,
            _PROCESS: process_name(os.getpid()),
            _SESSION: session_id,
            _CREATED: f"{now:.0f}",
            _EXPIRES: f"{now + self.lifetime_seconds:.0f}",
            _VERSION: version("bellglass"),
        }

    def has_left(self, found: Found, live: Set[str]) -> bool:
        """Whether the container is abandoned; `live` are names of containers that we use."""
        labels = found.labels
        if labels.get(OWNER) == self.id:
            return found.name not in live
        now = time.time()
        if now > _number(labels.get(_EXPIRES)):
            return True
        space, _, process = labels.get(_PROCESS, "").rpartition("/")
        if space and space == _space():
            pid = process.partition("-")[0]
            return not pid.isdigit() or process_name(int(pid)) != labels[_PROCESS]
        return (
            found.state == "created" and now > _number(labels.get(_CREATED)) + MAX_UNSTARTED_SECONDS
        )


def process_name(pid: int) -> str:
    """Return a permanently unique name of a process on this host, or "" if there is none.

    It has the boot id, the pid namespace, the pid and the start time: pids are reused, and in
    another pid namespace the same pid is another process.
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
        return f"{_space()}/{pid}-{stat.rpartition(')')[2].split()[19]}"  # field 22 of proc(5)
    except OSError:
        return ""


def _space() -> str:
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot}/{os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return ""


def _number(label: str | None) -> float:
    """Parse a label. Anybody can write labels, so an invalid one counts as expired."""
    try:
        return float(label or 0)
    except ValueError:
        return 0.0
