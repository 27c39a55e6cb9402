"""The channel that sends displays to the supervisor, in order with what the code prints."""

from __future__ import annotations

import os
import select
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from bellglass.sandboxes.common import display_bounds
from bellglass.sandboxes.wire.packets import Packets

if TYPE_CHECKING:
    from bellglass.sandboxes.wire.schema.execution import Shown
    from bellglass.sandboxes.wire.schema.packets import Clear, Show

ANSWER_TIMEOUT_SECONDS = 2.0
"""Seconds to wait for the supervisor to acknowledge a display, which takes microseconds."""

_getpid, _now = os.getpid, time.monotonic


class DisplayChannel:
    """Sends displays, each after everything that was printed before it.

    Threads of the call may show something too. A process that the code has forked may not: it
    inherits our end of the socket, but two readers would take each other's answers.
    """

    def __init__(
        self, control: Packets, flush: Callable[[], None], is_current_call: Callable[[], bool]
    ) -> None:
        """`is_current_call` tells if the calling thread belongs to the running call."""
        self._control = control
        self._flush = flush
        self._is_current_call = is_current_call
        self._owner = 0
        """The pid of the process whose displays count; 0 between calls."""
        self._nonce = ""
        self.lasting = False
        """Whether displays are final, because somebody may read them while the code runs on."""
        self._lock = threading.RLock()
        self._number = 0
        self._shown = 0
        """The number of displays since the start of the call or the last `clear`."""
        self._answered = 0
        self._kept: dict[int, bool] = {}

    def begin(self, nonce: str) -> None:
        """Start a call."""
        # A new lock: this process may have been forked while a thread held the old one.
        self._lock = threading.RLock()
        self._owner = _getpid()
        self._nonce = nonce
        self._number = self._answered = self._shown = 0

    def end(self) -> None:
        """End the call. A thread that waits for an answer gets it: the next packet is a request."""
        lock = self._lock
        held = lock.acquire(timeout=2 * ANSWER_TIMEOUT_SECONDS)
        self._owner = 0
        if held:
            lock.release()

    @property
    def full(self) -> bool:
        """Whether the call has used up its displays, or this process may show nothing."""
        return self._shown >= display_bounds.MAX_DISPLAYS or not self._is_call()

    def _is_call(self) -> bool:
        return self._owner == _getpid() and self._is_current_call()

    def show(self, entry: Shown) -> int:
        """Send `entry`, wait for the acknowledgement; return its number, 0 if it was not kept."""
        with self._lock:
            if self.full:
                return 0
            self._shown += 1
            display = self._display(entry)
            return display["number"] if self._send(display) else 0

    def replace(self, number: int, entry: Shown) -> bool:
        """Send `entry` to replace the display with that number; tell if it was kept."""
        with self._lock:
            if not self._is_call():
                return False
            return self._send({**self._display(entry), "in_place_of": number})

    def clear(self) -> None:
        """Have the supervisor drop what the call has printed and shown so far."""
        with self._lock:
            if not self._is_call() or self.lasting:
                return
            number = self._next_number()
            if self._send({"type": "clear", "nonce": self._nonce, "number": number}):
                self._shown = 0

    def _display(self, entry: Shown) -> Show:
        number = self._next_number()
        return {"type": "display", "nonce": self._nonce, "number": number, "display": entry}

    def _next_number(self) -> int:
        self._number += 1
        return self._number

    def _send(self, message: Show | Clear) -> bool:
        self._flush()
        try:
            self._control.send(message)
            return self._answer_to(message["number"])
        except (OSError, EOFError):
            return False

    def _answer_to(self, number: int) -> bool:
        deadline = _now() + ANSWER_TIMEOUT_SECONDS
        poll = select.poll()
        poll.register(self._control.socket.fileno(), select.POLLIN)
        # A signal handler may have sent another display meanwhile.
        while self._answered < number:
            if not poll.poll(max(0.0, deadline - _now()) * 1000):
                return False
            message = self._control.receive()
            if message is not None and message.get("nonce") == self._nonce:
                self._answered = int(message.get("number", 0))
                self._kept[self._answered] = message.get("kept") is True
        return self._kept.pop(number, False)
