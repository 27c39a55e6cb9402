"""The keeper: holds the descriptors by which sandboxes live, so that they outlive their server.

A server starts this file as a program, with the folder of the user's keeper as its argument and the
bound socket as descriptor 3. It uses the standard library only, and reads nothing that a sandbox
sends. Servers are its clients; each request is a packet of JSON, with descriptors:

hold      the server has this sandbox, and the keeper gets copies of its descriptors: first the
          socket that brings process 1 another server, then its pidfd, then whatever else has to be
          open as long as the sandbox exists
end       the server ends this session: should it be killed meanwhile, the keeper ends the sandbox,
          and in any case one that a server with other terms has left. This has no answer
attach    the server wants a sandbox that another one left. The keeper passes on the packet and the
          stream to process 1, and answers with the descriptors

A server that is gone closes its connection. From then on its sandboxes wait, each until its own
deadline. The keeper ends when it holds nothing and no server is connected. If it is killed, what it
holds is closed, and the sandboxes that only it held end by that.
"""

from __future__ import annotations

import contextlib
import fcntl
import hmac
import json
import os
import resource
import select
import signal
import socket
import struct
import sys
import time
from typing import Any

LISTENER = 3
MAX_PACKET_BYTES = 16 * 1024
MAX_DESCRIPTORS = 8

MAX_WAITING = 64
"""Sandboxes without a server; beyond, the one that has waited for the longest time ends."""

REMOVE_TIMEOUT_SECONDS = 2.0
"""A control group is busy for a moment after its last process ended."""

_RETRY_SECONDS = 0.02
_CREDENTIALS = struct.Struct("3i")  # struct ucred: pid, uid, gid


class Held:
    """A sandbox."""

    def __init__(self, facts: dict[str, Any], descriptors: list[int], server: int) -> None:
        self.facts = facts
        self.descriptors = descriptors
        self.server: int | None = server
        """The connection of the server that uses it; None if it waits."""
        self.deadline = 0.0
        """On the monotonic clock, if it waits."""

    @property
    def pidfd(self) -> int:
        return self.descriptors[1]

    def passes_on(self, packet: bytes, stream: int) -> bool:
        """Send process 1 the stream of another server; tell if that was possible."""
        if not time.monotonic() < self.deadline < float("inf"):
            return False
        try:
            with socket.socket(fileno=os.dup(self.descriptors[0])) as attach:
                socket.send_fds(attach, [packet], [stream], socket.MSG_DONTWAIT)
        except OSError:
            return False
        return True

    def leave(self) -> None:
        """Have it wait for another server."""
        self.server = None
        age = float(self.facts["until"]) - time.time()
        self.deadline = time.monotonic() + min(float(self.facts["seconds"]), age)

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self.pidfd, signal.SIGKILL)
        self.deadline = float("inf")

    def matches(self, wanted: dict[str, Any], *names: str) -> bool:
        return all(hmac.compare_digest(str(self.facts[name]), str(wanted[name])) for name in names)


class Keeper:
    """All of it: `run` returns when nothing is left to do."""

    def __init__(self, folder: str) -> None:
        self._lock = f"{folder}/lock"
        self._path = f"{folder}/socket"
        self._inode = os.stat(self._path).st_ino
        self._listener = socket.socket(fileno=LISTENER)
        self._listener.setblocking(False)
        self._wakeup, wakeup = os.pipe()
        os.set_blocking(wakeup, False)
        signal.set_wakeup_fd(wakeup)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda number, frame: None)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        self._servers: dict[int, socket.socket] = {}
        self._held: list[Held] = []
        self._directories: dict[str, float] = {}
        """Control groups to remove, and until when to try."""
        self._ending = False

    def run(self) -> None:
        while not self._is_over():
            poll = select.poll()
            pidfds = {held.pidfd: held for held in self._held}
            for fd in (LISTENER, self._wakeup, *self._servers, *pidfds):
                poll.register(fd, select.POLLIN)
            for fd, _ in poll.poll(self._wait_ms()):
                if fd == self._wakeup:
                    self._end()
                elif fd == LISTENER:
                    self._accept()
                elif fd in pidfds:
                    if pidfds[fd] in self._held:  # not replaced just now
                        self._drop(pidfds[fd])
                else:
                    self._serve(fd)
            self._expire()
            self._remove_directories()

    def _wait_ms(self) -> float | None:
        now = time.monotonic()
        waits = [held.deadline - now for held in self._waiting()]
        waits += [_RETRY_SECONDS] * (bool(self._directories) or self._is_idle())
        finite = [wait for wait in waits if wait != float("inf")]
        return max(0.0, min(finite) * 1000) if finite else None

    def _waiting(self) -> list[Held]:
        return [held for held in self._held if held.server is None]

    def _is_idle(self) -> bool:
        return not (self._servers or self._held or self._directories)

    def _is_over(self) -> bool:
        """Tell if nothing is left to do, and no server can come any more."""
        if self._ending:
            return not (self._waiting() or self._directories)
        if not self._is_idle():
            return False
        # A server that starts a keeper, or connects to one, holds this lock meanwhile.
        with open(self._lock, "a") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                return False
            self._accept()
            if self._servers:
                return False
            self._unlink()
            return True

    def _end(self) -> None:
        """End what waits for a server, after a signal; a sandbox that is in use stays."""
        os.read(self._wakeup, 64)
        if not self._ending:
            self._ending = True
            self._unlink()
            for held in self._waiting():
                held.kill()

    def _unlink(self) -> None:
        with contextlib.suppress(OSError):
            # Another keeper may have been started, if somebody had deleted our socket.
            if os.stat(self._path).st_ino == self._inode:
                os.unlink(self._path)

    def _expire(self) -> None:
        now = time.monotonic()
        waiting = sorted(self._waiting(), key=lambda held: held.deadline)
        alive = [held for held in waiting if held.deadline != float("inf")]
        for number, held in enumerate(alive):
            if held.deadline <= now or number < len(alive) - MAX_WAITING:
                held.kill()

    def _drop(self, held: Held) -> None:
        """Forget a sandbox that has ended; its server, if it has one, removes what it made."""
        self._held.remove(held)
        if held.server is None:
            until = time.monotonic() + REMOVE_TIMEOUT_SECONDS
            self._directories.update(dict.fromkeys(held.facts["directories"], until))
        list(map(os.close, held.descriptors))

    def _remove_directories(self) -> None:
        for directory, until in list(self._directories.items()):
            try:
                os.rmdir(directory)
            except FileNotFoundError:
                pass
            except OSError:
                if time.monotonic() <= until:
                    continue
            del self._directories[directory]

    # --- servers

    def _accept(self) -> None:
        try:
            server, _ = self._listener.accept()
        except OSError:
            return
        credentials = server.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
        if _CREDENTIALS.unpack(credentials)[1] != os.geteuid():
            server.close()
            return
        server.setblocking(False)
        self._servers[server.fileno()] = server
        self._answer(server, {"pid": os.getpid()}, [])

    def _serve(self, fd: int) -> None:
        server = self._servers[fd]
        descriptors: list[int] = []
        try:
            data, descriptors, flags, _ = socket.recv_fds(server, MAX_PACKET_BYTES, MAX_DESCRIPTORS)
            if not data:
                raise OSError
            request = json.loads(data)
            if flags & socket.MSG_CTRUNC:  # we have no room for more
                list(map(os.close, descriptors))
                self._answer(server, {"held": False}, [])
            elif request["op"] == "hold":
                self._hold(fd, request, descriptors)
            elif request["op"] == "attach":
                self._attach(fd, request, descriptors)
            else:
                for held in self._held:
                    if held.server in (fd, None) and held.matches(request, "session", "caller"):
                        held.kill()
        except BlockingIOError:
            return
        except (OSError, ValueError, KeyError, TypeError):
            self._lose(fd, descriptors)

    def _lose(self, fd: int, descriptors: list[int]) -> None:
        """Forget a server that is gone, or that says what we do not know."""
        kept = {number for held in self._held for number in held.descriptors}
        for number in set(descriptors) - kept:
            with contextlib.suppress(OSError):
                os.close(number)
        self._servers.pop(fd).close()
        for held in self._held:
            if held.server == fd:
                held.leave()
                if self._ending:
                    held.kill()

    def _hold(self, fd: int, request: dict[str, Any], descriptors: list[int]) -> None:
        facts: dict[str, Any] = {
            **{name: str(request[name]) for name in ("session", "caller", "terms")},
            **{name: float(request[name]) for name in ("created_at", "until", "seconds")},
            "directories": list(map(str, request["directories"])),
        }
        if len(descriptors) < 2:
            raise ValueError
        for held in list(self._held):  # it was given before, or is replaced by this one
            if held.server == fd and held.facts["session"] == facts["session"]:
                self._held.remove(held)
                list(map(os.close, held.descriptors))
        self._held.append(Held(facts, descriptors, fd))
        self._answer(self._servers[fd], {"held": True}, [])

    def _attach(self, fd: int, request: dict[str, Any], descriptors: list[int]) -> None:
        [stream] = descriptors
        packet = str(request["packet"]).encode()
        names = ("session", "caller", "terms")
        held = next((held for held in self._waiting() if held.matches(request, *names)), None)
        if held is None or not held.passes_on(packet, stream):
            self._answer(self._servers[fd], {"held": False}, [])
        else:
            held.server = fd
            facts = {name: held.facts[name] for name in ("created_at", "directories")}
            self._answer(self._servers[fd], {"held": True, **facts}, held.descriptors)
        os.close(stream)

    def _answer(self, server: socket.socket, answer: dict[str, Any], fds: list[int]) -> None:
        socket.send_fds(server, [json.dumps(answer).encode()], fds)


def main(folder: str) -> None:
    os.chdir("/")
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    with contextlib.suppress(OSError), open("/proc/self/comm", "w") as name:
        name.write("bellglass-keep")
    Keeper(folder).run()


if __name__ == "__main__":
    main(sys.argv[1])
