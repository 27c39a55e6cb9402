"""Install the packages of sandboxes while the server serves, if they are missing.

So a server that nobody has prepared, from `uvx` or a bundle, has them after a minute.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import subprocess
import sys

import anyio

from bellglass.sandboxes.setup.environments import awaited, find_python, prepared
from bellglass.sandboxes.setup.package_set import NotARequirement, kept
from bellglass.sandboxes.setup.packages import Packages

log = logging.getLogger(__name__)

COMMAND = (sys.executable, "-P", "-m", "bellglass.sandboxes.setup")

_MAX_REASON_CHARACTERS = 300
_NICENESS = 5
"""Calls of clients come first."""


class Preparation:
    """Installs the packages once, if they are not there."""

    def __init__(self, packages: Packages, *, needed: bool = False) -> None:
        self.packages = packages
        self._needed = needed
        self._requested = anyio.Event()
        if needed:
            packages.expect()
            with contextlib.suppress(OSError):
                awaited(packages.wanted)  # sandboxes will see it there

    @classmethod
    def of_this_machine(cls, python: str | None, *, allowed: bool) -> Preparation:
        """Return what a server needs whose sandboxes run here, with `python` if it is given."""
        try:
            packages = Packages.of(find_python(python), kept())
        except NotARequirement as exc:
            log.warning("%s", exc)
            return cls(Packages())
        missing = python is None and prepared(packages.wanted) is None
        return cls(packages, needed=allowed and missing)

    def request(self) -> None:
        """Begin, if it is needed; called when a client has had its first answer."""
        if self._needed:
            self._requested.set()

    async def run(self) -> None:
        """Wait for a request, and install."""
        await self._requested.wait()
        log.info("Installing the packages for sandboxes, as `bellglass setup` does")
        try:
            failure = await _installed()
        except OSError as exc:
            failure = str(exc)
        if failure is None:
            log.info("The packages for sandboxes are installed")
        else:
            log.warning("The packages for sandboxes were not installed: %s", failure)
            self.packages.failure = failure


async def _installed() -> str | None:
    """Install in a process of its own; return None, or the reason for which it failed."""
    async with await anyio.open_process(
        COMMAND, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, start_new_session=True
    ) as process:
        try:
            with contextlib.suppress(OSError):
                os.setpriority(os.PRIO_PROCESS, process.pid, _NICENESS)
            said = b""
            assert process.stderr is not None
            async for chunk in process.stderr:
                said = (said + chunk)[-4 * _MAX_REASON_CHARACTERS :]
            await process.wait()
        except BaseException:
            # With what it has started: uv or pip.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            raise
    if process.returncode == 0:
        return None
    text = " ".join(said.decode(errors="replace").split())
    return text[-_MAX_REASON_CHARACTERS:] or f"it ended with {process.returncode}"
