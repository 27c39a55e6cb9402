"""A server's connection to the keeper of its user, which it starts if there is none."""

from __future__ import annotations

import contextlib
import fcntl
import json
import logging
import os
import signal
import socket
import struct
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
from anyio import to_thread

from bellglass.sandboxes.backends.embedded.keeper import program

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

logger = logging.getLogger(__name__)

ANSWER_TIMEOUT_SECONDS = 5.0
"""It answers in less than a millisecond, and starts in some 30."""

_CREDENTIALS = struct.Struct("3i")  # struct ucred: pid, uid, gid


def folder(environ: Mapping[str, str]) -> Path:
    """Return where the keeper of this user has its socket."""
    runtime = environ.get("XDG_RUNTIME_DIR", "")
    if os.path.isabs(runtime):
        return Path(runtime, "bellglass", "keeper")
    if os.geteuid() == 0:
        return Path("/run/bellglass/keeper")
    # Clients often start a server without that variable.
    own = Path(f"/run/user/{os.geteuid()}")
    return own / "bellglass/keeper" if own.is_dir() else Path(f"/tmp/bellglass-{os.geteuid()}")


class KeeperClient:
    """One connection, made at the first need, and again after the keeper has ended."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._socket: socket.socket | None = None
        self._pidfd: int | None = None
        self._turn = anyio.Lock()

    @property
    def connected(self) -> bool:
        return self._socket is not None

    async def ask(
        self, request: dict[str, Any], descriptors: Sequence[int], *, start: bool
    ) -> tuple[dict[str, Any], list[int]] | None:
        """Return the answer to a request and its descriptors; None if there is no keeper.

        `start`: one is started then.
        """
        async with self._turn:
            try:
                # Shielded: an answer that nobody took would be read as that to the next request.
                with anyio.fail_after(ANSWER_TIMEOUT_SECONDS, shield=True):
                    if self._socket is None:
                        self._socket = await to_thread.run_sync(self._connect, start)
                        hello, _ = await self._receive(self._socket)
                        self._pidfd = os.pidfd_open(hello["pid"])
                    packet = json.dumps(request).encode()
                    socket.send_fds(self._socket, [packet], descriptors)
                    return await self._receive(self._socket)
            except (OSError, ValueError, TimeoutError) as exc:
                if start or self._socket is not None:
                    logger.warning("Sessions end with this server: the keeper: %r", exc)
                self.close()
                return None

    def tell(self, request: dict[str, Any]) -> None:
        """Send a request that has no answer; a keeper that is gone does not need it."""
        if self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.send(json.dumps(request).encode())

    async def _receive(self, connection: socket.socket) -> tuple[dict[str, Any], list[int]]:
        while True:
            try:
                data, descriptors, _, _ = socket.recv_fds(
                    connection,
                    program.MAX_PACKET_BYTES,
                    program.MAX_DESCRIPTORS,
                    socket.MSG_CMSG_CLOEXEC,
                )
            except BlockingIOError:
                await anyio.wait_readable(connection)
            else:
                if not data:
                    raise ConnectionResetError("it has ended")
                answer: dict[str, Any] = json.loads(data)
                return answer, list(descriptors)

    async def lost(self) -> None:
        """Wait for the end of the keeper, which is connected; what it held was closed with it."""
        if self._pidfd is not None:
            await anyio.wait_readable(self._pidfd)
            # It is our child if we have started it.
            with contextlib.suppress(ChildProcessError):
                os.waitid(os.P_PIDFD, self._pidfd, os.WEXITED | os.WNOHANG)  # noqa: ASYNC222
        self.close()

    def close(self) -> None:
        """End the connection: what this server has had from now on waits for another."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None
        if self._pidfd is not None:
            os.close(self._pidfd)
            self._pidfd = None

    # --- in a thread

    def _connect(self, start: bool) -> socket.socket:
        """Connect; the lock keeps others from starting a keeper, and a keeper from ending."""
        if start:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        opened = contextlib.ExitStack()
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            directory = os.open(self._folder, os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
            opened.callback(os.close, directory)
            facts = os.fstat(directory)
            if facts.st_uid != os.geteuid() or facts.st_mode & 0o077:
                raise PermissionError(f"{self._folder} is not this user's own")
            flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
            lock = os.open("lock", flags, 0o600, dir_fd=directory)
            opened.callback(os.close, lock)
            # By its descriptor: a path to a socket has at most 107 bytes.
            path = f"/proc/self/fd/{directory}/socket"
            fcntl.flock(lock, fcntl.LOCK_EX)
            try:
                connection.connect(path)
            except (FileNotFoundError, ConnectionRefusedError):
                if not start:
                    raise
                _start_keeper(path, str(self._folder))
                connection.connect(path)
            size = _CREDENTIALS.size
            peer = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size)
            if _CREDENTIALS.unpack(peer)[1] != os.geteuid():
                raise PermissionError("the keeper is another user's")
            connection.setblocking(False)
        except BaseException:
            connection.close()
            raise
        finally:
            opened.close()
        return connection


def _start_keeper(path: str, folder: str) -> None:
    """Start it with an empty environment, in a session of its own."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)  # of one that was killed
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        listener.bind(path)
        os.chmod(path, 0o600)
        listener.listen(128)
        os.posix_spawn(
            sys.executable,
            [sys.executable, "-I", "-S", program.__file__, folder],
            {},
            file_actions=[
                *((os.POSIX_SPAWN_OPEN, fd, os.devnull, os.O_RDWR, 0) for fd in range(3)),
                (os.POSIX_SPAWN_DUP2, listener.fileno(), program.LISTENER),
            ],
            setsid=True,
            setsigmask=[],
            setsigdef=[signal.SIGPIPE, signal.SIGINT, signal.SIGTERM, signal.SIGHUP],
        )
