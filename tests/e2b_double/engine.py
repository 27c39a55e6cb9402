"""The state of the engine: its machines, their leases, and their commands."""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
import tempfile
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from e2b_double.faults import Faults

if TYPE_CHECKING:
    from e2b_double.processes import Command
    from e2b_double.templates import Build

KEY = "e2b_" + "0123456789abcdef" * 2
"""The key of the account that the engine knows. It opens nothing else."""

ENVD_VERSION = "0.6.13"


class Machine:
    """What passes for a virtual machine: a directory, and commands."""

    def __init__(self, request: dict[str, Any], longest: float) -> None:
        self.id = "i" + secrets.token_hex(10)
        self.token = "envd_" + secrets.token_hex(16) if request.get("secure") else None
        self.request = request
        self.metadata: dict[str, str] = request.get("metadata") or {}
        self.domain: str | None = None
        self.state = "running"
        self.started = time.time()
        self.longest = longest
        self.ends = min(self.started + request.get("timeout", 15), self.started + longest)
        self.commands: dict[int, Command] = {}
        self.abandoned: list[Command] = []
        """Commands of a daemon that has died."""
        self.going = asyncio.Event()
        """Cleared, the machine stands still: nothing moves, and its daemon does not answer."""
        self.going.set()
        self.home = tempfile.mkdtemp(prefix="e2b-double-")

    @property
    def age(self) -> float:
        """Seconds since it was made, or resumed."""
        return time.time() - self.started

    def write_profile(self, path: str, more: str) -> None:
        """Say in which directories its programs are: a login shell sets a PATH of its own."""
        with open(f"{self.home}/.bash_profile", "w") as profile:
            profile.write(f"export PATH='{path}'\n{more}\n")

    def described(self) -> dict[str, Any]:
        return {
            "sandboxID": self.id,
            "templateID": self.request["templateID"],
            "clientID": "double",
            "envdVersion": ENVD_VERSION,
            "domain": self.domain,
            **({"envdAccessToken": self.token} if self.token else {}),
        }

    def detailed(self) -> dict[str, Any]:
        return {
            **self.described(),
            "startedAt": _moment(self.started),
            "endAt": _moment(self.ends),
            "cpuCount": 2,
            "memoryMB": 1024,
            "diskSizeMB": 1024,
            "state": self.state,
            "metadata": self.metadata,
        }

    def restart_daemon(self) -> None:
        """Have its daemon die and start again: it knows no command then, and asks for no token."""
        for command in self.commands.values():
            command.abandon()
        self.abandoned += self.commands.values()
        self.commands = {}
        self.token = None

    async def kill(self) -> None:
        self.state = "gone"
        for command in (*self.commands.values(), *self.abandoned):
            command.thaw()
            command.cut()
            await command.kill()
        await asyncio.to_thread(shutil.rmtree, self.home, ignore_errors=True)

    def stand_still(self) -> None:
        self.going.clear()
        for command in self.commands.values():
            command.freeze()

    def go_on(self) -> None:
        for command in self.commands.values():
            command.thaw()
        self.going.set()

    def pause(self) -> None:
        self.state = "paused"
        for command in self.commands.values():
            command.freeze()
            command.cut()

    def resume(self, timeout: float) -> None:
        if self.state == "paused":
            self.state = "running"
            self.started = time.time()
            self.ends = 0.0
            for command in self.commands.values():
                command.thaw()
        # Without a word, no later than the account lets one run at a stretch.
        self.ends = min(max(self.ends, time.time() + timeout), self.started + self.longest)


class Engine:
    """All machines of the one account."""

    def __init__(self) -> None:
        self.key = KEY
        self.machines: dict[str, Machine] = {}
        self.templates = ["code-interpreter-v1", "base"]
        self.builds: dict[str, Build] = {}
        """Of templates, by their numbers."""
        self.placing: dict[str, str] = {}
        """Folders of templates and of machines, and where on this machine they are instead."""
        self.faults = Faults()
        self.most = 1000
        """Machines that the account may have at one time."""
        self.made_by_key: dict[str, Machine] = {}
        self.made = 0
        self.old = ""
        """Speak only version 1 of the API: "e2b" as E2B's own servers do, else with that status."""
        self.longest = 86_400.0
        """Seconds that the account lets a machine run at a stretch."""
        self.grace = 0.0
        """Seconds that it lets machines live beyond what they may, for who looks at `ends` instead.

        So a test can have short leases on a machine of ours that is too busy to renew one in time.
        """
        self.domain: str | None = None
        """Where machines are, as the engine says."""
        self.tokens: list[str] = []
        """Of all machines that there have been."""
        self.ignores_filter = False
        """List all machines, whatever was asked for."""
        self.nonsense = False
        """Answer a request for a machine, new or known, with what is none."""
        self.forgets_memory = False
        """Resume without the processes that were running."""
        self.keepalive_seconds: float | None = None
        """Between signs of life on a quiet stream, instead of what the client asks for."""
        self.retains = True
        """Tell the exit code of a command also to who connects after its end."""
        self.path = os.environ.get("PATH", "/usr/bin:/bin")
        """Of the commands that run in the machines."""
        self.start_refusals: list[tuple[str, str]] = []
        """Codes and messages with which the next commands are refused, one each."""
        self.lacking: tuple[str, ...] = ()
        """Programs that are not in the machines."""
        self.profile = ""
        """What a login shell in them does first."""

    def placed(self, text: str) -> str:
        """Return `text` with each folder as it is named on this machine."""
        for folder, here in self.placing.items():
            text = text.replace(folder, here)
        return text

    @property
    def running(self) -> list[Machine]:
        return [machine for machine in self.machines.values() if machine.state == "running"]

    def create(self, request: dict[str, Any], key: str | None) -> Machine:
        if key is not None and key in self.made_by_key:
            return self.made_by_key[key]
        machine = Machine(request, self.longest)
        machine.domain = self.domain
        if machine.token:
            self.tokens.append(machine.token)
        self.machines[machine.id] = machine
        self.made += 1
        if key is not None:
            self.made_by_key[key] = machine
        return machine

    async def kill(self, machine: Machine) -> None:
        del self.machines[machine.id]
        await machine.kill()

    async def expire(self) -> None:
        """End, or pause, whose lease has run out."""
        now = time.time()
        for machine in self.running:
            if machine.ends + self.grace <= now:
                if machine.request.get("autoPause"):
                    machine.pause()
                else:
                    await self.kill(machine)

    async def resume(self, machine: Machine, timeout: float) -> None:
        if machine.state == "paused" and self.forgets_memory:
            for command in machine.commands.values():
                command.thaw()
                await command.kill()
            machine.commands.clear()
        machine.resume(timeout)

    async def close(self) -> None:
        for machine in list(self.machines.values()):
            await self.kill(machine)


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")
