"""The first launcher: a process of ours that clones itself to make sandboxes."""

from __future__ import annotations

import array
import json
import os
import socket
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import anyio

from bellglass.sandboxes.backends.embedded.boot import BOOT
from bellglass.sandboxes.backends.embedded.failure import LaunchFailed
from bellglass.sandboxes.backends.embedded.folder_mounts import FolderMounts
from bellglass.sandboxes.backends.embedded.process import (
    EXIT_TIMEOUT_SECONDS,
    Process,
    boot_arguments,
    bundle_file,
    end_process,
)
from bellglass.sandboxes.backends.embedded.stream import CREDENTIALS_SPACE, pair, sender
from bellglass.sandboxes.confinement import libc
from bellglass.sandboxes.folders.lender import copies

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence

    from bellglass.sandboxes.backends.embedded.cgroups import Group
    from bellglass.sandboxes.folders.lender import Lent

START_TIMEOUT_SECONDS = 60.0
"""Timeout for a cold disk and the import of pandas; without them it takes a tenth of a second."""


class Zygote:
    """A running zygote."""

    name = "zygote"
    server_maps_uid = True

    def __init__(
        self, control: socket.socket, preload: Sequence[str], folders: Sequence[Lent]
    ) -> None:
        self._control = control
        self._mounts = FolderMounts(folders, self._request)
        self._sending = anyio.Lock()
        self._pidfd: int | None = None
        self._preload = preload
        self.shared = False
        """Whether the keeper has its control socket, and with it sandboxes that may go on."""
        self.metadata: dict[str, Any] = {}
        """What it reported when it was ready: its Python, its uid, its paths."""

    @property
    def control(self) -> int:
        """Return the descriptor of its control socket."""
        return self._control.fileno()

    @property
    def visible_paths(self) -> list[str]:
        return list(self.metadata.get("visible_paths", []))

    @property
    def preloaded(self) -> list[str]:
        return [name for name in self._preload if name not in self.metadata.get("missing", [])]

    @classmethod
    async def start(
        cls,
        python: str,
        preload: Sequence[str],
        folders: Sequence[Lent] = (),
        late: str | None = None,
    ) -> Zygote:
        """Start a zygote, and wait until it can make sandboxes.

        `late`: the folder in which an environment for sandboxes will appear.

        Raises:
            LaunchFailed: It ended before that.
        """
        # The zygote becomes an orphan. In containers, init often does not reap orphans, so we do.
        libc.prctl(libc.PR_SET_CHILD_SUBREAPER, 1)
        ours, theirs = pair(socket.SOCK_SEQPACKET)
        self = cls(ours, preload, folders)
        bundle_fd = bundle_file()
        config = {
            "control": theirs.fileno(),
            "preload": list(preload),
            "jobs": True,
            "boot": BOOT,
            "folders": [
                (each.folder.base, each.folder.path, each.folder.mode == "rw") for each in folders
            ],
            "copies": copies(folders, in_layer=True),
            "late": late,
        }
        # -S: this stage imports nothing from site-packages, and may run as root.
        command = [python, "-I", "-S", "-u", *boot_arguments(bundle_fd, "prepare", config)]
        try:
            try:
                process = Process(command, [bundle_fd, theirs.fileno()])
            except OSError as exc:
                raise LaunchFailed("start the interpreter", exc.errno or 0, str(exc)) from exc
            finally:
                os.close(bundle_fd)
                theirs.close()
            try:
                with anyio.fail_after(START_TIMEOUT_SECONDS):
                    await self._await_serving(process)
            except TimeoutError as exc:
                raise LaunchFailed("start the zygote", 0, "it took too long") from exc
            finally:
                await process.end(grace=0)
        except BaseException:
            await self.aclose()
            raise
        return self

    async def _await_serving(self, process: Process) -> None:
        while True:
            data, pid = await self._receive()
            if not data:
                reason = (
                    process.errors()
                    or f"it exited with {await process.end(grace=EXIT_TIMEOUT_SECONDS)}"
                )
                raise LaunchFailed("start the zygote", 0, reason)
            message = json.loads(data)
            if message["type"] == "started":
                self._pidfd = os.pidfd_open(pid)
            elif message["type"] == "serving":
                self.metadata = message
                return
            else:
                raise LaunchFailed.from_frame(message)

    async def _receive(self) -> tuple[bytes, int]:
        while True:
            try:
                data, ancillary, _, _ = self._control.recvmsg(65536, CREDENTIALS_SPACE)
            except BlockingIOError:
                await anyio.wait_readable(self._control)
            except OSError:
                return b"", 0
            else:
                return data, sender(ancillary)

    @property
    def alive(self) -> bool:
        """Whether the zygote is still running."""
        try:
            return bool(self._control.recv(1, socket.MSG_DONTWAIT | socket.MSG_PEEK))
        except BlockingIOError:
            return True
        except OSError:
            return False

    @asynccontextmanager
    async def launched(
        self, stream: socket.socket, group: Group, uid: int | None, lent: Sequence[Lent]
    ) -> AsyncGenerator[None]:
        """Request a sandbox with this stream; it starts on its own."""
        descriptors = [stream.fileno(), *group.joins, *group.counters.values()]
        request = {
            "joins": len(group.joins),
            "counters": list(group.counters),
            "mapped": uid is not None,
        }
        async with self._mounts.opened(lent, uid) as opened:
            await self._request(request, [*descriptors, *opened])
        yield

    async def _request(self, request: dict[str, Any], descriptors: Sequence[int]) -> None:
        rights = (socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))
        async with self._sending:
            while True:
                try:
                    self._control.sendmsg([json.dumps(request).encode()], [rights])
                    break
                except BlockingIOError:
                    await anyio.wait_writable(self._control)
                except OSError as exc:
                    raise LaunchFailed("reach the zygote", exc.errno or 0, str(exc)) from exc

    async def aclose(self) -> None:
        """End it, and with it every sandbox that it made.

        If it is shared, it ends when the keeper has none of its sandboxes any more.
        """
        self._control.close()
        self._mounts.close()
        if self._pidfd is not None:
            pidfd, self._pidfd = self._pidfd, None
            if self.shared:
                os.close(pidfd)
            else:
                await end_process(pidfd)
