"""One request to a supervisor, and the frames about it."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

import anyio
import anyio.lowlevel

from bellglass.sandboxes.errors import SessionLost
from bellglass.sandboxes.frame_models import Note, Reply, Stream
from bellglass.sandboxes.wire.legal_orders import EXCHANGES, OutOfOrder, follow

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from bellglass.sandboxes.execution import Execution
    from bellglass.sandboxes.sessions.background_runs import Run
    from bellglass.sandboxes.wire.schema.basics import Mark

MAX_WAITING_STREAM_FRAMES = 16
"""Frames of output that wait for a slow reader; output beyond them is in the reply anyway."""


class Exchange:
    """A request, up to the last frame about it. A background run goes on after its reply."""

    def __init__(self, mark: Mark, state: str, run: Run | None = None) -> None:
        """`state`: the first, of `legal_orders.EXCHANGES`. `run`: what the request begins."""
        self.mark = mark
        self.run = run
        self._state = state
        self._answers: deque[Stream | Reply] = deque()
        """Frames that `reply` has not handed on yet."""
        self._arrived = anyio.Event()
        self._given_up = False

    @property
    def over(self) -> bool:
        """Whether nothing more may be said about it."""
        return self._state == "over"

    @property
    def runs_code(self) -> bool:
        """Whether code runs inside until it is over."""
        return self._state != "question"

    def take(self, frame: Stream | Note | Reply) -> None:
        """Hand on a frame about this request. Never waits.

        Raises:
            SessionLost: The frame is not legal after those that came before it.
        """
        try:
            self._state = follow(EXCHANGES, self._state, _name_of(frame))
        except OutOfOrder as exc:
            raise SessionLost(f"The sandbox sent frames out of order: {exc}.") from exc
        if isinstance(frame, Reply):
            if self.run is not None:
                self.run.begun = not self.over
            self._add(frame)
        elif self.run is not None:
            self.run.take_frame(frame)
        elif isinstance(frame, Stream) and len(self._answers) < MAX_WAITING_STREAM_FRAMES:
            self._add(frame)

    async def reply(
        self, on_stream: Callable[[Stream], Awaitable[None]] | None = None
    ) -> Execution | None:
        """Wait for the reply, and hand on what is printed; None if none will come."""
        while True:
            # A task that is woken in every turn of the loop is not cancelled otherwise.
            await anyio.lowlevel.checkpoint_if_cancelled()
            while self._answers:
                answer = self._answers.popleft()
                if isinstance(answer, Reply):
                    return answer.execution
                if on_stream is not None:
                    await on_stream(answer)
            if self._given_up:
                return None
            self._arrived = anyio.Event()
            await self._arrived.wait()

    def give_up(self) -> None:
        """Have nobody wait for more than has come."""
        self._given_up = True
        self._arrived.set()

    def _add(self, frame: Stream | Reply) -> None:
        self._answers.append(frame)
        self._arrived.set()


def _name_of(frame: Stream | Note | Reply) -> str:
    """Return what `legal_orders.EXCHANGES` calls a frame."""
    if isinstance(frame, Note):
        return frame.state
    if isinstance(frame, Reply) and frame.execution.status == "running":
        return "running"
    return frame.type
