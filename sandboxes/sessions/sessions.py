"""The sessions of a server: open, find by id, expire. Each is a task of one task group."""

from __future__ import annotations

import time
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Self

import anyio

from bellglass.sandboxes.errors import SessionNotFound
from bellglass.sandboxes.lifecycle import lifecycle_of
from bellglass.sandboxes.sessions.backends import Backends
from bellglass.sandboxes.sessions.capacity import Tenancy, to_make_room
from bellglass.sandboxes.sessions.check_sessions import CheckSessions
from bellglass.sandboxes.sessions.ended_sessions import EndedSessions, idle, too_many, too_old
from bellglass.sandboxes.sessions.pool import Pool
from bellglass.sandboxes.sessions.session import Session
from bellglass.sandboxes.sessions.session_ids import SessionIds

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable

    from anyio.abc import TaskGroup

    from bellglass.sandboxes.backend import Backend
    from bellglass.sandboxes.sessions.callers import Caller


MAX_PAID_IDLE_SECONDS = 30.0
"""Seconds without a check after which a session for checks ends if its sandbox costs money."""


class Sessions:
    """Opens sessions on a backend that is chosen at the first call."""

    def __init__(
        self,
        tasks: TaskGroup,
        choose: Callable[[], Awaitable[Backend]],
        *,
        max_sessions: int,
        idle_seconds: float,
        age_seconds: float,
        detached_seconds: float = 0.0,
        pool: int | None = None,
        choose_for_checks: Callable[[], Awaitable[Backend | None]] | None = None,
        short_ids: bool = False,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.idle_seconds = idle_seconds
        self.age_seconds = age_seconds
        self._detached_seconds = min(detached_seconds, idle_seconds)
        self._tasks = tasks
        self._backends = Backends(tasks, choose, choose_for_checks, self._keep_warm)
        self._reattaching = anyio.Lock()
        self._max_sessions = max_sessions
        self._pool_size = pool
        self._pool: Pool | None = None
        self._ids = SessionIds(short=short_ids)
        self._clock = clock
        self._live: dict[str, Tenancy] = {}
        self.ended = EndedSessions(clock)
        self._scopes: dict[str, anyio.CancelScope] = {}
        self._retiring: set[str] = set()
        self.checking = CheckSessions(self._made_for_checks, self._drop)

    @classmethod
    @asynccontextmanager
    async def open_all(
        cls,
        choose: Callable[[], Awaitable[Backend]],
        *,
        max_sessions: int,
        idle_seconds: float,
        age_seconds: float,
        detached_seconds: float = 0.0,
        pool: int | None = None,
        choose_for_checks: Callable[[], Awaitable[Backend | None]] | None = None,
        short_ids: bool = False,
    ) -> AsyncGenerator[Self]:
        """Serve sessions until the context is left; then every sandbox is destroyed.

        `detached_seconds`: how long one that a client may name to another server lives on, if the
        backend can. `pool`: how many are kept ready; None for the backend's default. `short_ids`:
        knowing an id permits nothing. `choose_for_checks` makes a backend for checks, or None.
        """
        sessions: Self | None = None
        try:
            async with anyio.create_task_group() as tasks:
                sessions = cls(
                    tasks,
                    choose,
                    max_sessions=max_sessions,
                    idle_seconds=idle_seconds,
                    age_seconds=age_seconds,
                    detached_seconds=detached_seconds,
                    pool=pool,
                    choose_for_checks=choose_for_checks,
                    short_ids=short_ids,
                )
                tasks.start_soon(sessions._expire)
                try:
                    yield sessions
                finally:
                    tasks.cancel_scope.cancel()
        finally:
            # Done when no sandbox is left, also if an error ended them.
            if sessions is not None:
                with anyio.CancelScope(shield=True):
                    await sessions._backends.aclose()

    async def open(
        self,
        owner: str | None = None,
        caller: Caller | None = None,
        *,
        for_upload: bool = False,
        of_one_call: bool = False,
        of_connection: bool = False,
    ) -> Session:
        """Start a session for `owner`. Its sandbox is made by the first run.

        At the limit an unused session ends to make room, one of the caller's own if there is one: a
        client that never names a session would otherwise lock itself out. `to_make_room` decides.

        `of_one_call`: no client knows the session before that call returns, so it ends if the call
        is cancelled. `of_connection`: no client needs to know its id, so it ends with this server.

        Raises:
            SandboxUnavailable: No sandbox can run here.
            SessionLimit, CallerLimit: Every session that could make room is busy.
        """
        backend = await self.backend()
        self._make_room(owner, caller)
        session = self._taken(backend)
        session.owner = owner
        session.created_at = session.used_at = self._clock()
        session.lifecycle.on_session_start(session.id, owner, session.created_at)
        # No await from here to the first run, during which it would count as unused.
        self._live[session.id] = Tenancy(session, caller, for_upload)
        if not of_connection:
            session.outlive(self._detached_seconds, self.age_seconds)
        if of_one_call:
            session.on_abandoned = partial(self._end, session, "its first call was cancelled")
        return session

    def _make_room(self, owner: str | None, caller: Caller | None) -> None:
        session = to_make_room(list(self._live.values()), owner, caller, self._max_sessions)
        if session is not None:
            self._end(session, too_many(self._max_sessions))

    def _end(self, session: Session, reason: str) -> None:
        if self._live.pop(session.id, None) is not None:
            session.tell_end(self.ended.note(session.id, session.owner, reason))
            session.lifecycle.on_session_end(session.id)
            self._scopes[session.id].cancel()

    def _taken(self, backend: Backend) -> Session:
        """Return a session of the pool, or else a new one."""
        warm = self._pool.take() if self._pool is not None else None
        return warm or self._made(backend)

    def _made(self, backend: Backend, session_id: str | None = None) -> Session:
        session = Session(session_id or self._ids.unused(self._scopes, self.ended), backend)
        self._scopes[session.id] = anyio.CancelScope()
        self._tasks.start_soon(self._hold, session, self._scopes[session.id])
        return session

    def get(self, session_id: str, owner: str | None = None) -> Session:
        """Return the session with that id.

        Raises:
            SessionNotFound: It never existed, has ended, or belongs to another owner.
        """
        tenancy = self._live.get(session_id)
        if tenancy is None or tenancy.session.owner != owner:
            raise self.ended.not_found(session_id, owner)
        tenancy.continued = True
        return tenancy.session

    async def find(
        self, session_id: str, owner: str | None = None, caller: Caller | None = None
    ) -> Session:
        """Return the session with that id, also one that a killed server has left.

        Raises:
            SessionNotFound: As `get`.
            SandboxUnavailable, SessionLimit, CallerLimit: As `open`, if another server left it.
        """
        if session_id not in self._live and self._ids.has_form(session_id):
            backend = await self.backend()
            async with self._reattaching:
                if session_id not in self._live and session_id not in self._scopes:
                    await self._reattach(backend, session_id, owner, caller)
        session = self.get(session_id, owner)
        session.outlive(self._detached_seconds, self.age_seconds)
        await session.join()
        return session

    async def _reattach(
        self, backend: Backend, session_id: str, owner: str | None, caller: Caller | None
    ) -> None:
        created_at = await lifecycle_of(backend).reattach(session_id, owner)
        if created_at is not None:
            self._make_room(owner, caller)
            session = self._made(backend, session_id)
            session.owner = owner
            session.reattach(created_at)
            session.used_at = self._clock()
            self._live[session_id] = Tenancy(session, caller)

    def list(self, owner: str | None = None) -> list[Session]:
        sessions = (tenancy.session for tenancy in self._live.values())
        return [session for session in sessions if session.owner == owner]

    async def close(self, session_id: str, owner: str | None, reason: str) -> None:
        """End the session and destroy its sandbox; `reason` is told to who asks for it later.

        Raises:
            SessionNotFound: As `get`.
        """
        self._end(self.get(session_id, owner), reason)

    def seconds_left(self, session: Session) -> float:
        """Return how long the session lives if nobody calls it."""
        now = self._clock()
        idle = max(session.used_at + self.idle_seconds, session.runs.over_at) - now
        age = session.created_at + self.age_seconds - now
        if session.resting:
            return max(0.0, age)
        return max(0.0, min(idle, age))

    @property
    def checks_elsewhere(self) -> bool:
        """Whether code is checked in another sandbox than it runs in, with other packages."""
        return self._backends.checker is not None

    async def _made_for_checks(self) -> Session:
        checker = await self._backends.for_checks()
        return self._taken(await self.backend()) if checker is None else self._made(checker)

    async def backend(self) -> Backend:
        """Return the backend, chosen at the first call: see `Backends.chosen`."""
        return await self._backends.chosen()

    def _keep_warm(self, backend: Backend) -> None:
        size = backend.default_pool_size if self._pool_size is None else self._pool_size
        if size:
            self._pool = Pool(size, partial(self._made, backend), self._drop)
            self._tasks.start_soon(self._pool.keep)

    def _drop(self, session: Session) -> None:
        if session.id in self._scopes:
            self._scopes[session.id].cancel()

    async def _hold(self, session: Session, scope: anyio.CancelScope) -> None:
        with scope:
            try:
                await session.hold()
            finally:
                if self._live.pop(session.id, None) is not None:
                    self.ended.note(session.id, session.owner, "its sandbox ended")
                del self._scopes[session.id]

    async def _retire(self, session: Session) -> None:
        """Pause an idle session, or close it."""
        try:
            old = session.created_at + self.age_seconds <= self._clock()
            if not old and await session.pause():
                return
            if not session.busy and self.seconds_left(session) == 0:
                reason = too_old(self.age_seconds) if old else idle(self.idle_seconds)
                await self.close(session.id, session.owner, reason)
        except SessionNotFound:
            pass  # closed meanwhile
        finally:
            self._retiring.discard(session.id)

    def _is_over(self, session: Session) -> bool:
        """Tell if a session for checks has been idle for long enough."""
        idle = self._clock() - session.used_at
        return self.seconds_left(session) == 0 or (
            session.backend.is_paid and idle > MAX_PAID_IDLE_SECONDS
        )

    async def _expire(self) -> None:
        while True:
            for tenancy in list(self._live.values()):
                session = tenancy.session
                known = session.busy or session.id in self._retiring
                if not known and self.seconds_left(session) == 0:
                    self._retiring.add(session.id)
                    self._tasks.start_soon(self._retire, session)
            self.checking.end_idle(self._is_over)
            waits = [self.seconds_left(tenancy.session) for tenancy in self._live.values()]
            # A session opened meanwhile lives at least a minute, or as long as it may be idle.
            await anyio.sleep(max(0.5, min([*waits, MAX_PAID_IDLE_SECONDS, self.idle_seconds])))
