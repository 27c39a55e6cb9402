"""Starting interpreters, and ending and awaiting processes through their descriptors."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
from typing import TYPE_CHECKING, Any

import anyio

from bellglass.sandboxes.backends.embedded.boot import BOOT
from bellglass.sandboxes.bundle import CONFINEMENT, bundle

if TYPE_CHECKING:
    from collections.abc import Sequence

EXIT_SECONDS = 5.0
"""How long a killed process may take to be gone: the kernel has its memory to free."""

_STDERR_BYTES = 4096


def bundle_file() -> int:
    """Return a descriptor of the code that an interpreter boots from, which is to read only.

    Not by sealing it: the kernel refuses that now and then, while it has a page in its hands.
    """
    data = bundle(CONFINEMENT, "bellglass.sandboxes.backends.embedded.inside")
    fd = os.memfd_create("bellglass", os.MFD_CLOEXEC)
    with os.fdopen(fd, "wb") as file:
        file.write(data)
        file.flush()
        os.fchmod(fd, 0o400)
        return os.open(f"/proc/self/fd/{fd}", os.O_RDONLY | os.O_CLOEXEC)


def boot_arguments(bundle_fd: int, stage: str, config: dict[str, Any]) -> list[str]:
    return ["-c", BOOT, str(bundle_fd), stage, json.dumps(config)]


class Process:
    """A process of ours that speaks on a socket; its stderr is kept for a diagnosis."""

    def __init__(self, arguments: Sequence[str], descriptors: Sequence[int]) -> None:
        """Start it: with an empty environment, away from our terminal, with these descriptors.

        From the thread of the event loop: bubblewrap's --die-with-parent follows the thread.
        """
        self._errors, errors = os.pipe()
        os.set_blocking(self._errors, False)
        try:
            self._process = subprocess.Popen(
                arguments,
                env={},
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=errors,
                pass_fds=descriptors,
                start_new_session=True,
            )
        except BaseException:
            os.close(self._errors)
            raise
        finally:
            os.close(errors)

    def errors(self) -> str:
        """Return the end of what it wrote to stderr."""
        try:
            return os.read(self._errors, 1 << 20)[-_STDERR_BYTES:].decode(errors="replace").strip()
        except OSError:
            return ""

    async def end(self, *, grace: float) -> int | None:
        """Await its end, kill it after a grace, and return its exit code; all for a bounded time.

        Bubblewrap needs the grace: killed between its clone and the first word to its child, it
        leaves the child waiting for ever, before --die-with-parent holds.
        """
        with anyio.CancelScope(shield=True), contextlib.suppress(OSError):
            if self._process.poll() is None:
                fd = os.pidfd_open(self._process.pid)
                try:
                    with anyio.move_on_after(grace):
                        await anyio.wait_readable(fd)
                    self._process.kill()
                    with anyio.move_on_after(EXIT_SECONDS):
                        await anyio.wait_readable(fd)
                finally:
                    os.close(fd)
        if self._errors >= 0:
            os.close(self._errors)
            self._errors = -1
        return self._process.poll()


async def end_process(pidfd: int) -> None:
    """Kill a process by its descriptor, await its end for a bounded time, close the descriptor.

    Of the first process of a pid namespace: the kernel ends all others with it, and says that it
    has ended when they have.
    """
    try:
        with anyio.move_on_after(EXIT_SECONDS, shield=True):
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(pidfd, signal.SIGKILL)
            await anyio.wait_readable(pidfd)
        # It is ours to bury, as we are the reaper of our orphans.
        with contextlib.suppress(ChildProcessError):
            os.waitid(os.P_PIDFD, pidfd, os.WEXITED | os.WNOHANG)  # noqa: ASYNC222 - WNOHANG
    finally:
        os.close(pidfd)
