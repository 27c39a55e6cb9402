"""A test's own engine, to stop, to pause and to fill: never the one of the machine."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from typing import TYPE_CHECKING

import anyio
from docker_sandbox.watching import until

from bellglass.sandboxes.backends.docker.image.client import connect

if TYPE_CHECKING:
    from pathlib import Path

START_SECONDS = 60


class OwnEngine:
    """A dockerd with its own data, socket and containers, without a network."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self.host = f"unix://{folder}/engine.sock"

    async def start(self) -> None:
        folder = self._folder
        for left in ("pid", "exec/containerd/containerd.pid"):  # of one that was killed
            with contextlib.suppress(FileNotFoundError):
                os.unlink(folder / left)
        self._process = subprocess.Popen(  # noqa: ASYNC220 - it outlives us
            [
                *("dockerd", f"--data-root={folder}/data", f"--exec-root={folder}/exec"),
                *(f"--pidfile={folder}/pid", f"--host={self.host}", "--bridge=none"),
                *("--iptables=false", "--ip6tables=false", "--log-level=error"),
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        await until(self._answers, START_SECONDS)

    async def _answers(self) -> bool:
        try:
            async with await anyio.connect_unix(self.host.removeprefix("unix://")) as stream:
                await stream.send(b"GET /_ping HTTP/1.1\r\nHost: engine\r\n\r\n")
                return b" 200 " in await stream.receive()
        except (OSError, anyio.EndOfStream, anyio.BrokenResourceError):
            return False

    async def end(self, number: signal.Signals = signal.SIGTERM) -> None:
        """Send it a signal, and wait for its end, and for that of its own containerd."""
        if self._process is not None:
            file = anyio.Path(self._folder / "exec/containerd/containerd.pid")
            pid = await file.read_text()
            self._process.send_signal(number)
            await anyio.to_thread.run_sync(self._process.wait, START_SECONDS)
            self._process = None

            async def ended() -> bool:
                return not await anyio.Path(f"/proc/{pid.strip()}/exe").exists()

            await until(ended, START_SECONDS)

    async def remove(self) -> None:
        """End it, and take away what it has mounted: one that was killed leaves that."""
        await self.end()
        mounts = await anyio.Path("/proc/mounts").read_text()
        for line in reversed(mounts.splitlines()):
            if (target := line.split()[1]).startswith(f"{self._folder}/"):
                await anyio.run_process(["umount", "--lazy", target], check=False)

    def send(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def take_image(self, image: str) -> None:
        """Copy an image from the engine of the machine."""
        theirs, ours = connect(), connect(self.host)
        ours.api.load_image(theirs.api.get_image(image))  # type: ignore[no-untyped-call]
        theirs.close()
        ours.close()
