"""Whose a sandbox is: the process that made it, and if that still lives."""

from __future__ import annotations

import hashlib
import os
import secrets
from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")
_UNKNOWN = "0-0"


@dataclass(frozen=True)
class Owner:
    """A process, as it can be told from all others that use the account."""

    host: str
    """A boot of a machine, a process table on it, and a user: two containers are two hosts."""

    process: str
    """Number and start of a process there; a number is given to another one some day."""

    @classmethod
    def this(cls) -> Owner:
        host = _host()
        if host is None:
            return cls(secrets.token_hex(16), _UNKNOWN)
        return cls(host, _process(os.getpid()) or _UNKNOWN)

    @property
    def is_known(self) -> bool:
        """Whether others can tell if it has ended: only where processes are to be seen."""
        return self.process != _UNKNOWN

    def is_dead(self) -> bool:
        """Tell if the process has certainly ended: never of one on another host."""
        if self.host != _host():
            return False
        number = self.process.partition("-")[0]
        return number.isdecimal() and _process(int(number)) != self.process


def _host() -> str | None:
    """Return a name of our process table, or nothing on a system that does not say."""
    try:
        boot = (_PROC / "sys/kernel/random/boot_id").read_text().strip()
        table = os.readlink(_PROC / "self/ns/pid")
    except OSError:
        return None
    # Not as it is: it leaves this machine.
    return hashlib.sha256(f"{boot} {table} {os.geteuid()}".encode()).hexdigest()[:32]


def _process(number: int) -> str | None:
    """Return the process of that number with its start, or nothing if there is none."""
    try:
        stat = (_PROC / str(number) / "stat").read_text(errors="replace")
    except OSError:
        return None
    state, *fields = stat.rpartition(")")[2].split()
    return None if state in "ZX" else f"{number}-{fields[18]}"
