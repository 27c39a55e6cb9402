"""The sessions of a server: open, find by id, expire. Each is a task of one task group."""

from __future__ import annotations

import time
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Self, Unpack

import anyio

from bellglass.sandboxes.errors import SessionNotFound
from bellglass.sandboxes.lifecycle import lifecycle_of
from bellglass.sandboxes.saving.resting import Resting
from bellglass.sandboxes.sessions.backends import Backends
from bellglass.sandboxes.sessions.capacity import Tenancy, to_make_room
from bellglass.sandboxes.sessions.check_sessions import CheckSessions
from bellglass.sandboxes.sessions.ended_sessions import GONE, SAVED, EndedSessions, too_many
from bellglass.sandboxes.sessions.expiry import Expiry
from bellglass.sandboxes.sessions.pool import Pool
from bellglass.sandboxes.sessions.session import Session
from bellglass.sandboxes.sessions.session_ids import has_form, unused_id

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence

    from anyio.abc import TaskGroup

    from bellglass.sandboxes.backend import Backend
    from bellglass.sandboxes.saving.store import Stored
    from bellglass.sandboxes.sessions.callers import Caller
    from bellglass.sandboxes.sessions.options import SessionOptions


STOP_SECONDS, SIGNAL_STOP_SECONDS = 1.2, 2.8
"""For saving sessions when the server ends, below the bounds of `server/shutdown.py`."""


class Sessions:
    """Opens sessions on a backend that is chosen at the first call."""

    def __init__(
        self,
        tasks: TaskGroup,
        choose: Callable[[], Awaitable[Backend]],
        **options: Unpack[SessionOptions],
    ) -> None:
        self.idle_seconds = options["idle_seconds"]
        self.age_seconds = options["age_seconds"]
        self._detached_seconds = min(options.get("detached_seconds", 0.0), self.idle_seconds)
        self._tasks = tasks
        self._backends = Backends(tasks, choose, options.get("choose_for_checks"), self._keep_warm)
        self._reattaching = anyio.Lock()
        self._max_sessions = options["max_sessions"]
        self._pool_size = options.get("pool")
        self._pool: Pool | None = None
        self._clock = options.get("clock", time.time)
        self._live: dict[str, Tenancy] = {}
        self.ended = EndedSessions(self._clock)
        self._scopes: dict[str, anyio.CancelScope] = {}
        self._stop_seconds = STOP_SECONDS
        self._at_rest = Resting(options.get("store"))
        self._expiry = Expiry(
            self.idle_seconds, self.age_seconds, self._clock, self._listed, self._rest
        )
        self.seconds_left = self._expiry.seconds_left
        self.checking = CheckSessions(self._made_for_checks, self._drop)

    @classmethod
    @asynccontextmanager
    async def open_all(
        cls, choose: Callable[[], Awaitable[Backend]], **options: Unpack[SessionOptions]
    ) -> AsyncGenerator[Self]:
        """Serve sessions until the context is left; then every sandbox is destroyed."""
        sessions: Self | None = None
        try:
            async with anyio.create_task_group() as tasks:
                sessions = cls(tasks, choose, **options)
                tasks.start_soon(sessions._expiry.watch, tasks, sessions.checking)
                try:
                    yield sessions
                finally:
                    await sessions._stop()
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
        await self._make_room(owner, caller)
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

    async def _make_room(self, owner: str | None, caller: Caller | None) -> None:
        while session := to_make_room(list(self._live.values()), owner, caller, self._max_sessions):
            await self._rest(session, too_many(self._max_sessions))

    async def _rest(self, session: Session, reason: str) -> None:
        """Save a session, if sessions are saved here, and end it."""
        self._at_rest.depart(session)
        del self._live[session.id]
        saved = await self._at_rest.save(session)
        self._finish(session, reason, SAVED if saved else GONE)

    def _end(self, session: Session, reason: str) -> None:
        if self._live.pop(session.id, None) is not None:
            self._finish(session, reason, GONE)

    def _finish(self, session: Session, reason: str, became: str) -> None:
        session.tell_end(self.ended.note(session.id, session.owner, reason, became))
        session.lifecycle.on_session_end(session.id)
        self._drop(session)

    def leave(self) -> None:
        """Expect the end by a signal; let go of calls of which the next server is to tell."""
        self._stop_seconds = SIGNAL_STOP_SECONDS
        for session in self._listed():
            if session.outlives and session.busy:
                self._drop(session)

    async def _stop(self) -> None:
        """Save the sessions, those used last first, and then end all of them."""
        sessions = sorted(self._listed(), key=lambda session: session.used_at, reverse=True)
        with anyio.move_on_after(self._stop_seconds, shield=True):
            async with anyio.create_task_group() as tasks:
                for session in sessions:
                    tasks.start_soon(self._at_rest.save, session)
        for scope in self._scopes.values():
            scope.cancel()

    def _taken(self, backend: Backend) -> Session:
        """Return a session of the pool, or else a new one."""
        warm = self._pool.take() if self._pool is not None else None
        return warm or self._made(backend)

    def _made(self, backend: Backend, session_id: str | None = None) -> Session:
        session = Session(session_id or unused_id(self._scopes, self.ended), backend)
        # Shielded: they end in `_stop`, after they were saved.
        self._scopes[session.id] = anyio.CancelScope(shield=True)
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
        if session_id not in self._live and has_form(session_id):
            backend = await self.backend()
            stored = await self._at_rest.find(session_id, owner)
            new = None
            async with self._reattaching:
                if session_id not in self._live and session_id not in self._scopes:
                    new = await self._taken_up(backend, session_id, owner, caller, stored)
            if new is not None and stored is not None:
                await self._revive(new, stored)
        session = self.get(session_id, owner)
        session.outlive(self._detached_seconds, self.age_seconds)
        await session.join()
        return session

    async def _taken_up(
        self,
        backend: Backend,
        session_id: str,
        owner: str | None,
        caller: Caller | None,
        stored: Stored | None,
    ) -> Session | None:
        """Take up a session that is not here; return it if it is new, and has to be revived."""
        with self._at_rest.claimed(session_id, stored):
            created_at = await lifecycle_of(backend).reattach(session_id, owner)
            if created_at is None and stored is None:
                return None
            await self._make_room(owner, caller)
        session = self._made(backend, session_id)
        session.owner, session.used_at = owner, self._clock()
        # No await from here until it is revived: other calls must wait for that.
        self._live[session_id] = Tenancy(session, caller)
        if created_at is not None:
            session.reattach(created_at)
            return None
        session.lifecycle.on_session_start(session.id, owner, session.created_at)
        return session

    async def _revive(self, session: Session, stored: Stored) -> None:
        try:
            await self._at_rest.revive(session, stored)
        except BaseException:
            if self._live.pop(session.id, None) is not None:
                self._at_rest.depart(session)
                self._finish(session, "it could not be revived", SAVED)
            raise

    def list(self, owner: str | None = None) -> list[Session]:
        return [session for session in self._listed() if session.owner == owner]

    def _listed(self) -> Sequence[Session]:
        return [tenancy.session for tenancy in self._live.values()]

    async def close(self, session_id: str, owner: str | None, reason: str) -> None:
        """End the session, destroy its sandbox, and delete what is saved of it.

        `reason` is told to who asks for it later.

        Raises:
            SessionNotFound: As `get`.
        """
        saved = await self._at_rest.remove(session_id, owner)
        try:
            self._end(await self.find(session_id, owner), reason)
        except SessionNotFound:
            if not saved:
                raise

    async def rest(self, session_id: str, owner: str | None, reason: str) -> None:
        """End the session as `close` does, but save it, if sessions are saved here."""
        await self._rest(self.get(session_id, owner), reason)

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
                self._at_rest.gone(session.id)
