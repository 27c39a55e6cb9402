"""The supervisor's end of the socket to a process that runs foreign code.

It takes packets from that process and never a descriptor: closing one may block for as long as its
sender likes, such as a connection with SO_LINGER, and nothing in the sandbox is supervised while
process 1 is blocked.
"""

from __future__ import annotations

import os
import select
import socket
from typing import TYPE_CHECKING

from bellglass.sandboxes.wire.framing import loads
from bellglass.sandboxes.wire.packets import HEADER_BYTES, MAX_PAYLOAD_BYTES, Packets

if TYPE_CHECKING:
    from bellglass.sandboxes.wire.schema.packets import Claim

SO_PASSRIGHTS = 83  # include/uapi/asm-generic/socket.h, since Linux 6.16

SMUGGLED = "The process was ended: it sent a descriptor to the supervisor of the sandbox."

MAX_DISCARDED_PACKETS = 10_000
"""Packets that are dropped when a socket is closed: more than its buffer holds."""


class Smuggled(OSError):
    """The process has sent a descriptor, which nothing asks for."""


class WorkerSocket(Packets):
    """Our end. The other end is a `Packets` that may lie."""

    def __init__(self, end: socket.socket, patience: float, *, ask_kernel: bool = True) -> None:
        """`ask_kernel`: have the kernel refuse descriptors to the sender, where it can."""
        super().__init__(end, patience)
        self._loads = loads
        end.setblocking(False)
        self._refused = ask_kernel and _refuse_descriptors(end)
        self.smuggled = False
        """Whether a descriptor waits in the socket, which we must neither read nor close then."""

    def next(self) -> Claim | None:
        """Take the next packet; return the message that it completes, if any.

        Raises:
            EOFError: The other end is closed.
            Smuggled: It contains descriptors.
            OSError: Nothing arrived in time.
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
            # MSG_PEEK leaves a descriptor where it is, so nothing has to be closed.
            _, _, flags, _ = self.socket.recvmsg(1, 0, socket.MSG_PEEK)
            if flags & socket.MSG_CTRUNC:
                self.smuggled = True
            if self.smuggled:
                raise Smuggled
        return self.socket.recv(MAX_PAYLOAD_BYTES + HEADER_BYTES)

    @property
    def waiting(self) -> bool:
        """Whether a packet, or the end, can be taken."""
        return bool(select.select([self.socket], [], [], 0)[0])

    def close(self) -> None:
        """Close the socket, without blocking on anything that lies in it."""
        if self.socket.fileno() < 0:
            return
        if not self._refused:
            self._look_through()
        if self.smuggled:
            _leave_to_child(self.socket)
        else:
            self.socket.close()

    def _look_through(self) -> None:
        """Take what can be closed at once out of the socket."""
        try:
            self.socket.shutdown(socket.SHUT_RD)  # nothing is added after this
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
    """Give `end` to a child that exits: no close blocks at the end of a process."""
    reader, writer = os.pipe()
    try:
        pid = os.fork()
    except OSError:
        end.detach()  # no process can be created: the socket stays open
        pid = -1
    if pid == 0:
        try:
            os.close(writer)
            os.read(reader, 1)  # returns at the end of file, when the child has closed its copies
        finally:
            os._exit(0)
    end.close()
    os.close(reader)
    os.close(writer)
