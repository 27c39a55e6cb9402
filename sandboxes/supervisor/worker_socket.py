"""The supervisor's end of the socket to a process that runs foreign code.

Of that process it takes packets and nothing else, above all no descriptors: the close of a
descriptor may wait for as long as whoever sent it likes, such as that of a connection with
SO_LINGER, and while process 1 waits nothing in the place is watched.
"""

from __future__ import annotations

import os
import select
import socket
from typing import TYPE_CHECKING

from bellglass.sandboxes.wire.framing import loads
from bellglass.sandboxes.wire.packets import HEADER_BYTES, MAX_PAYLOAD_BYTES, Packets

if TYPE_CHECKING:
    from bellglass.sandboxes.wire.schema import Claim

SO_PASSRIGHTS = 83  # include/uapi/asm-generic/socket.h, from Linux 6.16 on

SMUGGLED = "The process was ended: it sent a descriptor to the supervisor of the sandbox."

MAX_DISCARDED_PACKETS = 10_000
"""Packets that are thrown away when a socket is closed: more than its buffer holds."""


class Smuggled(OSError):
    """The process has sent a descriptor, which nobody asked for."""


class WorkerSocket(Packets):
    """Our end. The other is a `Packets` that may lie."""

    def __init__(self, end: socket.socket, patience: float, *, ask_kernel: bool = True) -> None:
        """`ask_kernel`: have it refuse descriptors to who sends them, where it can."""
        super().__init__(end, patience)
        self._loads = loads
        end.setblocking(False)
        self._refused = ask_kernel and _refuse_descriptors(end)
        self.smuggled = False
        """A descriptor waits in the socket, which is neither to be read nor closed by us."""

    def next(self) -> Claim | None:
        """Take the next packet; return the message that it completes, if it does.

        Raises:
            EOFError: The other end is gone.
            Smuggled: There are descriptors in it.
            OSError: Nothing came within our patience.
        """
        while True:
            try:
                packet = self._packet()
                break
            except BlockingIOError:
                self._wait(select.POLLIN)
        return self._completed(packet)

    def _packet(self) -> bytes:
        if not self._refused:
            # A look leaves what is in it where it is: nothing is closed by that.
            _, _, flags, _ = self.socket.recvmsg(1, 0, socket.MSG_PEEK)
            if flags & socket.MSG_CTRUNC:
                self.smuggled = True
            if self.smuggled:
                raise Smuggled
        return self.socket.recv(MAX_PAYLOAD_BYTES + HEADER_BYTES)

    @property
    def waiting(self) -> bool:
        """Whether there is a packet, or the end, to be taken."""
        return bool(select.select([self.socket], [], [], 0)[0])

    def close(self) -> None:
        """Close the socket, without waiting for anything that lies in it."""
        if self.socket.fileno() < 0:
            return
        if not self._refused:
            self._look_through()
        if self.smuggled:
            _leave_to_child(self.socket)
        else:
            self.socket.close()

    def _look_through(self) -> None:
        """Empty the socket of what can be closed at once."""
        try:
            self.socket.shutdown(socket.SHUT_RD)  # nothing is added from now on
            for _ in range(MAX_DISCARDED_PACKETS):
                if not self._packet():
                    return
        except OSError:
            pass


def _refuse_descriptors(end: socket.socket) -> bool:
    """Have the kernel refuse to send descriptors to `end`; tell if it does."""
    try:
        end.setsockopt(socket.SOL_SOCKET, SO_PASSRIGHTS, 0)
        return end.getsockopt(socket.SOL_SOCKET, SO_PASSRIGHTS) == 0
    except OSError:
        return False


def _leave_to_child(end: socket.socket) -> None:
    """Have a child be the last that holds `end`: at the end of a process no close waits."""
    reader, writer = os.pipe()
    try:
        pid = os.fork()
    except OSError:
        end.detach()  # there is no process to be had: it stays open
        pid = -1
    if pid == 0:
        try:
            os.close(writer)
            os.read(reader, 1)  # comes to an end when we have closed ours
        finally:
            os._exit(0)
    end.close()
    os.close(reader)
    os.close(writer)
