"""What ends a sandbox whose supervisor has fallen silent."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import anyio

if TYPE_CHECKING:
    from collections.abc import Callable

LOOK_SECONDS = 1.0
"""Between two looks at whether something has come."""


class Watchdog:
    """Watches a sandbox while something goes on in it; costs nothing while nothing does.

    Code may have found a way to put process 1 to sleep, and with it every limit that the kernel
    does not keep.
    """

    def __init__(
        self, silence_seconds: float, active: Callable[[], bool], on_silence: Callable[[], None]
    ) -> None:
        """`active` tells whether something goes on. After `on_silence` nothing is watched."""
        self.heard = False
        """Something has come since the last look."""
        self._silence_seconds = silence_seconds
        self._active = active
        self._on_silence = on_silence
        self._pause = anyio.CancelScope()

    async def watch(self) -> None:
        """Look until there was silence for too long."""
        silent = 0.0
        # Counted in looks of our own: if it is the server that did not get to run, what has come
        # meanwhile is heard first.
        while silent < self._silence_seconds:
            with anyio.CancelScope() as self._pause:
                self.stir()
                await anyio.sleep_forever()
            silent = silent + LOOK_SECONDS if self._active() and not self.heard else 0.0
            self.heard = False
        self._on_silence()

    def stir(self) -> None:
        """Have `watch` look in a moment, if something goes on and it does not look anyway."""
        if self._pause.deadline == math.inf and self._active():
            self._pause.deadline = anyio.current_time() + LOOK_SECONDS
