"""Start interpreters, and end processes and wait for them through their descriptors."""

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

EXIT_TIMEOUT_SECONDS = 5.0
"""Time for a killed process to end: the kernel has to free its memory."""

_MAX_STDERR_BYTES = 4096


def bundle_file() -> int:
    """Return a read-only descriptor of the code that an interpreter boots from.

    The file is not sealed, because the kernel sometimes refuses that while it uses a page of it.
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
    """A process of ours that communicates over a socket; its stderr is kept for a diagnosis."""

    def __init__(self, arguments: Sequence[str], descriptors: Sequence[int]) -> None:
        """Start it with an empty environment, in its own session, with these descriptors.

        Called in the thread of the event loop, because --die-with-parent of bubblewrap is bound to
        the thread that starts it.
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
        """Return the end of its stderr."""
        try:
            return (
                os.read(self._errors, 1 << 20)[-_MAX_STDERR_BYTES:].decode(errors="replace").strip()
            )
        except OSError:
            return ""

    async def end(self, *, grace: float) -> int | None:
        """Wait for its end, kill it after `grace` seconds, and return its exit code.

        Bubblewrap needs the grace: if it is killed between its clone and its first message to the
        child, the child waits for ever, because --die-with-parent is not in force yet.
        """
        with anyio.CancelScope(shield=True), contextlib.suppress(OSError):
            if self._process.poll() is None:
                fd = os.pidfd_open(self._process.pid)
                try:
                    with anyio.move_on_after(grace):
                        await anyio.wait_readable(fd)
                    self._process.kill()
                    with anyio.move_on_after(EXIT_TIMEOUT_SECONDS):
                        await anyio.wait_readable(fd)
                finally:
                    os.close(fd)
        if self._errors >= 0:
            os.close(self._errors)
            self._errors = -1
        return self._process.poll()


async def end_process(pidfd: int) -> None:
    """Kill a process by its descriptor, wait for its end for a limited time, close the descriptor.

    With the first process of a pid namespace, the kernel kills all others, and reports its end when
    they have ended.
    """
    try:
        with anyio.move_on_after(EXIT_TIMEOUT_SECONDS, shield=True):
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(pidfd, signal.SIGKILL)
            await anyio.wait_readable(pidfd)
        # We have to reap it, because we are the subreaper of our descendants.
        with contextlib.suppress(ChildProcessError):
            os.waitid(os.P_PIDFD, pidfd, os.WEXITED | os.WNOHANG)  # noqa: ASYNC222 - WNOHANG
    finally:
        os.close(pidfd)
