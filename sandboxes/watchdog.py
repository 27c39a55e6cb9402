"""A watchdog that ends a sandbox whose supervisor is silent."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import anyio

if TYPE_CHECKING:
    from collections.abc import Callable

LOOK_INTERVAL_SECONDS = 1.0
"""Seconds between two checks whether something has arrived."""


class Watchdog:
    """Watches a sandbox while something goes on in it; it costs nothing otherwise.

    Code may have found a way to make process 1 sleep, and with it every limit that the kernel does
    not enforce.
    """

    def __init__(
        self, silence_seconds: float, active: Callable[[], bool], on_silence: Callable[[], None]
    ) -> None:
        """`active` tells whether something goes on. After `on_silence` nothing is watched."""
        self.frame_arrived = False
        """Whether something has arrived since the last check."""
        self._silence_seconds = silence_seconds
        self._active = active
        self._on_silence = on_silence
        self._pause = anyio.CancelScope()

    async def watch(self) -> None:
        """Check until the supervisor has been silent for too long."""
        silent = 0.0
        # Silence is counted in our own checks: if the server itself did not get to run, frames that
        # have arrived meanwhile are taken first.
        while silent < self._silence_seconds:
            with anyio.CancelScope() as self._pause:
                self.stir()
                await anyio.sleep_forever()
            silent = (
                silent + LOOK_INTERVAL_SECONDS if self._active() and not self.frame_arrived else 0.0
            )
            self.frame_arrived = False
        self._on_silence()

    def stir(self) -> None:
        """Have `watch` start to check, if something goes on and it does not check already."""
        if self._pause.deadline == math.inf and self._active():
            self._pause.deadline = anyio.current_time() + LOOK_INTERVAL_SECONDS
