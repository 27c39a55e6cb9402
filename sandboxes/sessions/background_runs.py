"""Background runs as the server knows them, from reports of the supervisor that may be late."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Literal

import anyio

from bellglass.sandboxes.common.limits import MAX_ENDED_RUNS, MAX_RUNS
from bellglass.sandboxes.errors import RunNotFound

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Iterator

    from bellglass.sandboxes.execution import RunState
    from bellglass.sandboxes.frame_models import Note, Stream

State = Literal["running", "returned", "ended", "lost"]

OUR_RUN = "r0"
"""A run of ours, which saves or revives the session; runs of clients begin with r1."""

MAX_KNOWN_RUNS = MAX_RUNS + MAX_ENDED_RUNS
"""Runs of a session that can be queried: at most those that the supervisor has."""

MAX_WAITING_FRAMES = 64
"""Frames of output that wait for a slow reader."""


class Run:
    """One run, and the tasks that wait for its outcome."""

    def __init__(self, run_id: str, op: str, seconds: float) -> None:
        self.id = run_id
        self.op = op
        self.started_at = time.time()
        self.seconds = seconds
        """The time limit of the run, in seconds."""
        self.state: State = "running"
        self.begun = False
        """Whether the supervisor has confirmed that it exists."""
        self.on_outcome: Callable[[Run], None] = lambda run: None
        self._listeners: list[list[Stream]] = []
        self._changed = anyio.Event()

    @property
    def lives(self) -> bool:
        return self.state in ("running", "returned")

    @property
    def over_at(self) -> float:
        """The latest time at which it ends."""
        return self.started_at + self.seconds if self.lives else 0.0

    def take_frame(self, frame: Stream | Note) -> None:
        """Take in a report of the supervisor."""
        if frame.type == "note":
            self.become(frame.state)
        else:
            for waiting in self._listeners:
                if len(waiting) < MAX_WAITING_FRAMES:
                    waiting.append(frame)
            self._wake()

    def become(self, state: State) -> None:
        if self.lives and state != self.state:
            self.state = state
            self.on_outcome(self)
            self._wake()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = anyio.Event()

    async def outcome(self, *, end: bool = False) -> None:
        """Wait until its code has returned, or with `end` until nothing of it is left."""
        while self.state == "running" or (end and self.state == "returned"):
            await self._changed.wait()

    async def output(self) -> AsyncGenerator[Stream]:
        """Yield its output from now on, until its code has returned."""
        waiting: list[Stream] = []
        self._listeners.append(waiting)
        try:
            while True:
                changed = self._changed
                while waiting:
                    yield waiting.pop(0)
                if self.state != "running":
                    return
                await changed.wait()
        finally:
            self._listeners.remove(waiting)


class Runs:
    """The runs of one session, by the names that the client knows."""

    def __init__(self) -> None:
        self._runs: dict[str, Run] = {}
        self._named = 0

    def next_id(self) -> str:
        self._named += 1
        return f"r{self._named}"

    def add(self, run: Run) -> None:
        self._runs[run.id] = run
        over = [known for known in self._runs.values() if not known.lives]
        for old in over[: max(0, len(self._runs) - MAX_KNOWN_RUNS)]:
            del self._runs[old.id]

    def restore(self, known: RunState) -> Run:
        """Add a run that another server began, as its supervisor reports it; return it."""
        run = Run(known.id, known.op, known.limit_seconds)
        run.started_at -= known.seconds
        run.state = known.state
        run.begun = True
        self._named = max(self._named, int(known.id[1:]))
        self.add(run)
        return run

    def remove(self, run_id: str) -> None:
        self._runs.pop(run_id, None)

    def get(self, run_id: str) -> Run:
        """Return the run with that name.

        Raises:
            RunNotFound: There is none.
        """
        if run_id not in self._runs:
            raise RunNotFound(run_id, list(self._runs))
        return self._runs[run_id]

    def __iter__(self) -> Iterator[Run]:
        return iter(list(self._runs.values()))

    @property
    def live(self) -> list[Run]:
        return [run for run in self if run.lives]

    @property
    def over_at(self) -> float:
        """The latest time at which all of them have ended."""
        return max((run.over_at for run in self), default=0.0)

    def lose(self) -> None:
        """Note that their sandbox is gone."""
        for run in self.live:
            run.become("lost")
