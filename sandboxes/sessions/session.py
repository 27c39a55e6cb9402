"""A client-visible session: an id, the sandbox behind it, and one call at a time."""

from __future__ import annotations

import secrets
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Literal, Self

import anyio

from bellglass.sandboxes.errors import SessionLost, SessionNotFound, SessionUnreachable
from bellglass.sandboxes.execution import Execution
from bellglass.sandboxes.lifecycle import Lifecycle, lifecycle_of
from bellglass.sandboxes.sessions import notices
from bellglass.sandboxes.sessions.background_runs import OUR_RUN, Run, Runs
from bellglass.sandboxes.sessions.run_requests import ask_run
from bellglass.sandboxes.sessions.sandbox_holder import SandboxHolder
from bellglass.sandboxes.sessions.session_ids import ID_BYTES

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable

    from bellglass.sandboxes.backend import Backend
    from bellglass.sandboxes.connection import Connection
    from bellglass.sandboxes.frame_models import Ready, Stream

UNSEEN = ("read",)
"""Operations whose results no model sees: the next visible one reports what was lost."""


class Session:
    """A session that clients know: an id, the sandbox behind it, a lock for one call at a time.

    When the sandbox dies, the session keeps its id: the next call starts in a fresh sandbox and
    says so. `hold` must be running in a task of its own.
    """

    def __init__(self, session_id: str, backend: Backend, owner: str | None = None) -> None:
        self.id = session_id
        self.owner = owner
        self.created_at = self.used_at = time.time()
        self.calls = 0
        self.cpu_seconds = 0.0
        self.resting = False
        """Whether its sandbox is paused, and costs next to nothing."""
        self.on_abandoned: Callable[[], None] | None = None
        """Called when the only call that could have named the session is cancelled."""
        self.runs = Runs()
        """The background runs that go on, and those that can still be queried."""
        self.backend = backend
        self.lifecycle = lifecycle_of(backend)
        self._turn = anyio.Lock(fast_acquire=True)
        self._waiting = 0
        self._holder = SandboxHolder(backend, session_id, self._note_death, self._note_ready)
        self._restarted = False
        """Whether the loss of the last sandbox has not been reported yet."""
        self._begun_elsewhere_at: float | None = None
        """When another server began it, of which it was taken over."""
        self._reattaches = False
        """Whether it was reattached to another server's sandbox, and no result has said so yet."""
        self.replaces: str | None = None
        """Why the session that it replaces had ended, if no result has said so yet."""
        self.outlives = False
        """Whether the backend may keep its sandbox for another server."""
        self.news: list[str] = []
        """Notices about the session for its next result that a model sees."""

    def reattach(self, created_at: float) -> None:
        """Continue a session that another server began at that time, and left."""
        self.created_at = self._begun_elsewhere_at = created_at
        self._reattaches = True

    def tell_end(self, text: str) -> None:
        """Have calls that run, and those that wait, end with this text when it is closed."""
        self._holder.why_closed = text

    def outlive(self, seconds: float, age_seconds: float) -> None:
        """Have its sandbox outlive this server: a client may name the session to another one."""
        if seconds:
            self.outlives = type(self.lifecycle).outlive is not Lifecycle.outlive
            self.lifecycle.outlive(self.id, seconds, self.created_at + age_seconds)

    @classmethod
    @asynccontextmanager
    async def open(cls, backend: Backend) -> AsyncGenerator[Self]:
        """Hold a session while the context is open."""
        async with anyio.create_task_group() as tasks:
            session = cls(secrets.token_hex(ID_BYTES), backend)
            tasks.start_soon(session.hold)
            try:
                yield session
            finally:
                tasks.cancel_scope.cancel()

    @property
    def can_be_saved(self) -> bool:
        """Whether there is something in its sandbox that can be saved without waking it."""
        lives = not self.failed and not self.resting
        used = self.calls > 0 or self._begun_elsewhere_at is not None
        return self.backend.saves_sessions and used and lives

    @property
    def metadata(self) -> dict[str, str]:
        """What kind of sandbox it has, and how limits are enforced that backends differ in."""
        return {"name": self.backend.name, **self.backend.metadata}

    @property
    def busy(self) -> bool:
        return self._waiting > 0

    @property
    def sandbox_started_at(self) -> float:
        """When its sandbox was started at the earliest, in seconds since the epoch."""
        return self._begun_elsewhere_at or self._holder.started_at

    async def hold(self) -> None:
        """Make a sandbox when one is needed, and another when it has died, until cancelled."""
        await self._holder.hold()

    def _note_death(self) -> None:
        self._restarted = self.calls > 0
        self.runs.lose()

    def _note_ready(self, connection: Connection, ready: Ready) -> None:
        for known in ready.runs:
            if known.run.id == OUR_RUN:
                continue
            run = self.runs.restore(known.run)
            run.on_outcome = self._note_outcome
            if run.lives:
                connection.follow(run, {"id": known.id, "nonce": known.nonce})

    async def join(self) -> None:
        """If another server left it, find out what is there, such as its background runs."""
        if self._reattaches:
            await self.prepare()

    async def prepare(self) -> None:
        """Make its sandbox before the first call; `failed` tells if that did not succeed."""
        await self._holder.prepare()

    @property
    def failed(self) -> bool:
        """Whether its sandbox could not be made, or has died."""
        return self._holder.failed

    @property
    def used_seconds(self) -> float | None:
        """The seconds for which its sandboxes have cost money, if they do."""
        return self.lifecycle.used_seconds(self.id)

    async def pause(self) -> bool:
        """Pause its sandbox until it is used again; tell if it is paused.

        A sandbox in which a call or a background run goes on is not paused.
        """
        if self.busy or self.runs.live:
            return False
        async with self._turn:  # a call that comes meanwhile waits, and then wakes it
            connection = self._holder.connection
            if connection is not None:
                await connection.hang_up()  # a frame to a paused sandbox would wake it
            self.resting = await self.lifecycle.pause(self.id)
            return self.resting

    async def run(
        self,
        op: str,
        arguments: dict[str, Any],
        *,
        timeout: float,
        on_stream: Callable[[Stream], Awaitable[None]] | None = None,
    ) -> Execution:
        """Run one operation in the sandbox; calls wait for their turn in the order of arrival.

        What the code does is data: a sandbox that dies during the call gives status "lost".

        Raises:
            SandboxUnavailable: No sandbox can be made.
            SessionNotFound: The session was closed meanwhile.
            SessionUnreachable: The sandbox could not be reached, and may still exist.
        """
        async with self._called():
            self.used_at = time.time()
            return await self._run(op, arguments, timeout, on_stream)

    @asynccontextmanager
    async def _called(self) -> AsyncGenerator[None]:
        """Wait for the turn of a call, and hold it while the context is open."""
        self._waiting += 1
        try:
            async with self._turn:
                self.calls += 1
                self.resting = False
                yield
            self.on_abandoned = None
        except anyio.get_cancelled_exc_class():
            if self.on_abandoned is not None:
                self.on_abandoned()
            raise
        finally:
            self.used_at = time.time()
            self._waiting -= 1

    @asynccontextmanager
    async def reserved(self) -> AsyncGenerator[Connection]:
        """Hold the turn of a call; yield the connection to the sandbox, made if need be."""
        async with self._called():
            yield await self._holder.connected()

    async def begin(self, op: str, arguments: dict[str, Any], *, timeout: float) -> Execution:
        """Begin a background run; `runs` of the execution names it, unless it was refused.

        `timeout` is the run's own. It goes on between calls, and ends with the session.

        Raises:
            SandboxUnavailable, SessionNotFound: As `run`.
        """
        run = Run(self.runs.next_id(), op, timeout)
        run.on_outcome = self._note_outcome
        # Added first: a caller who gives up meanwhile may have begun it all the same.
        self.runs.add(run)
        try:
            async with self._called():
                return await self._run(op, arguments, timeout, None, run)
        finally:
            if not run.begun:
                self.runs.remove(run.id)

    async def look(
        self,
        run_id: str,
        do: Literal["read", "stop", "watch"] = "read",
        seconds: float | None = None,
    ) -> Execution:
        """Read a background run (new output, and how it ended), stop it, or watch it.

        To watch is to receive its output as it is printed, for that many seconds. This does not
        wait for calls: it is answered at once, also while one runs.

        Raises:
            RunNotFound: There is no such run.
        """
        run = self.runs.get(run_id)
        self.used_at = time.time()
        if not self.busy:
            async with self._turn:  # unless its sandbox is just being paused
                self.resting = False
        self._waiting += 1
        try:
            return await ask_run(self._holder.connection, self.runs, run, do, seconds)
        finally:
            self._waiting -= 1

    def _note_outcome(self, run: Run) -> None:
        # A client has as long to fetch the result as after a call.
        self.used_at = time.time()

    async def _run(
        self,
        op: str,
        arguments: dict[str, Any],
        timeout: float,
        on_stream: Callable[[Stream], Awaitable[None]] | None,
        run: Run | None = None,
    ) -> Execution:
        connection = await self._holder.connected()
        started = time.monotonic()
        try:
            execution = await connection.request(op, arguments, timeout, on_stream, run)
        except SessionLost as exc:
            # This execution reports the loss, so the next one need not.
            await self._holder.gone()
            self._restarted = op in UNSEEN
            if self._holder.closed:
                raise SessionNotFound(self._holder.why_closed) from exc
            if self.lifecycle.may_live(self.id):
                self._restarted = True
                raise SessionUnreachable(exc.reason) from exc
            seconds = time.monotonic() - started
            return Execution(
                status="lost", state="lost", notices=[exc.reason], wall_seconds=seconds
            )
        self.cpu_seconds += execution.cpu_seconds
        if op in (*UNSEEN, "write"):  # the tools of these show no notices
            return execution
        execution = execution.model_copy(update={"notices": [*self.news, *execution.notices]})
        self.news = []
        if self._reattaches or self._restarted or self.replaces:
            words = notices.REATTACHED if self._reattaches else notices.REACHED_AGAIN
            lost = f"{self.replaces}{notices.REPLACED}" if self.replaces else notices.RESTARTED
            self._reattaches = self._restarted = False
            self.replaces = None
            return notices.added(execution, words, lost, self._holder.ready)
        return execution
