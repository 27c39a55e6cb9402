"""Whose a container is: labels that tell, after a server was killed, what it left behind.

A container ends with the connection of its server. What can be left is one that was created and
not started, or one that somebody paused.
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

UNSTARTED_SECONDS = 600.0
"""A container that is created is started at once: after so long, who created it is dead."""


@dataclass(frozen=True)
class Found:
    """A container with our labels, as an engine lists it."""

    id: str
    name: str
    state: str
    labels: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Owner:
    """This sandbox, as its labels name it."""

    lifetime_seconds: float
    """Nothing of ours lives longer: what is older is nobody's, on whatever host its owner was."""

    id: str = field(default_factory=lambda: secrets.token_hex(8))

    def labels(self, session_id: str) -> dict[str, str]:
        """Return the labels of a container that is created now."""
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
        """Whether nobody will ever use or remove it; `live` are the names of ours in use."""
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
        return found.state == "created" and now > _number(labels.get(_CREATED)) + UNSTARTED_SECONDS


def process_name(pid: int) -> str:
    """Return what names a process on this host for ever, or "" where that cannot be told.

    The boot, the pid namespace, and in it the id with its time of start: an id is used again, and
    in the namespace of another container the same one is another process.
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
    """Labels are anybody's to write: one that says nothing of use is from long ago."""
    try:
        return float(label or 0)
    except ValueError:
        return 0.0
