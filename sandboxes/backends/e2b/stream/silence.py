"""Notice connections that are dead in silence: nothing comes while an answer is due."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import anyio

from bellglass.sandboxes.backends.e2b.patience import SILENCE_TIMEOUT_SECONDS

if TYPE_CHECKING:
    from collections.abc import Iterator


class SilenceWatch:
    """Stop listening to a connection that was silent for too long. `run` must be running."""

    def __init__(self) -> None:
        self._answers_due = 0
        self._answer_due = anyio.Event()
        self._heard_at = 0.0
        self._listening = anyio.CancelScope()

    @contextmanager
    def answer_due(self) -> Iterator[None]:
        """Expect signs of life as long as the context is open."""
        self._answers_due += 1
        if self._answers_due == 1:
            self.heard()
            self._answer_due.set()
        try:
            yield
        finally:
            self._answers_due -= 1
            if not self._answers_due:
                self._answer_due = anyio.Event()

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Leave the context when the connection in it is to be replaced."""
        with anyio.CancelScope() as self._listening:
            yield

    def heard(self) -> None:
        """Take note of a sign of life, or of a new connection."""
        self._heard_at = anyio.current_time()

    async def run(self) -> None:
        """Watch until cancelled."""
        while True:
            await self._answer_due.wait()
            left = self._heard_at + SILENCE_TIMEOUT_SECONDS - anyio.current_time()
            if left > 0:
                await anyio.sleep(left)
            else:
                self.heard()
                self._listening.cancel()
