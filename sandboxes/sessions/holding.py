"""The sandbox of a session: opened when a call wants one, and another after it has died."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import anyio

from bellglass.sandboxes.connection import Connection
from bellglass.sandboxes.errors import SandboxUnavailable, SessionLost, SessionNotFound

if TYPE_CHECKING:
    from collections.abc import Callable

    from anyio.abc import ByteStream

    from bellglass.sandboxes.backend import Backend

logger = logging.getLogger(__name__)

START_SECONDS = 60.0
"""For a sandbox to be ready: a busy machine takes seconds for a container, tens for a machine."""


class Holder:
    """Holds one sandbox at a time. `hold` must be running in a task of its own."""

    def __init__(self, backend: Backend, session_id: str, on_death: Callable[[], None]) -> None:
        """`on_death` is called when a sandbox that was there is no more."""
        self.connection: Connection | None = None
        self.reattached_state: str | None = None
        """In which state the variables were, if the sandbox was another server's before."""
        self.closed = False
        """No sandbox will come any more."""
        self._backend = backend
        self._session_id = session_id
        self._on_death = on_death
        self._failure: SandboxUnavailable | None = None
        self._wanted = anyio.Event()
        """Somebody waits for a sandbox."""
        self._settled = anyio.Event()
        """The sandbox is there, or it is known why not."""
        self._gone = anyio.Event()
        """The sandbox that was there is destroyed."""

    # --- those who want a sandbox

    async def prepare(self) -> None:
        """Have a sandbox made, if there is none; `failed` tells if there is none then."""
        if self.connection is None and not self.closed:
            self._wanted.set()
            await self._settled.wait()

    @property
    def failed(self) -> bool:
        """Whether the sandbox could not be had, or has died."""
        if self.connection is not None:
            return self.connection.given_up
        return self.closed or not self._wanted.is_set()

    async def connected(self) -> Connection:
        """Return the sandbox, made now if there is none.

        Raises:
            SandboxUnavailable: None can be had.
            SessionNotFound: None will come any more.
        """
        if self.connection is not None and self.connection.given_up:
            await self._gone.wait()
        begun = self._wanted.is_set()
        await self.prepare()
        if begun:
            # One that was begun before us may have failed: the next is ours.
            await self.prepare()
        if self.closed:
            raise SessionNotFound
        if self.connection is None:
            raise self._failure or self._unavailable("it ended as soon as it was there.")
        return self.connection

    async def gone(self) -> None:
        """Wait until the sandbox that was there is destroyed."""
        await self._gone.wait()

    # --- the task that holds it

    async def hold(self) -> None:
        """Open a sandbox when one is wanted, and another when it has died, until cancelled."""
        try:
            while True:
                await self._wanted.wait()
                self._failure = None
                await self._hold_connection()
        finally:
            # Calls that still wait for a sandbox would wait for ever.
            self.closed = True
            self._settled.set()
            self._gone.set()

    async def _hold_connection(self) -> None:
        """Hold one sandbox until it has died, or cannot be had."""
        try:
            async with self._backend.connect(self._session_id) as stream:
                try:
                    connection = await self._greeted(stream)
                except SandboxUnavailable as exc:
                    # Not through the backend's context: a task group in it would wrap it.
                    self._failure = exc
                    return
                self.connection = connection
                self._gone = anyio.Event()
                self._settled.set()
                try:
                    await connection.listen()
                finally:
                    self._on_death()
        except SandboxUnavailable as exc:
            self._failure = exc
        except Exception as exc:
            # Of one sandbox: the others, and the server, go on.
            logger.exception("A sandbox of the %s backend failed", self._backend.name)
            self._failure = self._unavailable(f"{type(exc).__name__} in the server.")
        finally:
            self.connection = None
            self._wanted = anyio.Event()
            self._settled.set()
            self._settled = anyio.Event()
            self._gone.set()

    async def _greeted(self, stream: ByteStream) -> Connection:
        backend = self._backend
        connection = Connection(
            stream, backend.silence_seconds, backend.network, backend.patience_seconds
        )
        try:
            with anyio.fail_after(START_SECONDS):
                ready = await connection.ready()
                self.reattached_state = ready.state
                self._backend.verify(ready)
                await connection.open_network()
        except TimeoutError as exc:
            reason = f"the runner did not start within {START_SECONDS:.0f} s."
            raise self._unavailable(reason) from exc
        except SessionLost as exc:
            raise self._unavailable(exc.reason) from exc
        return connection

    def _unavailable(self, reason: str) -> SandboxUnavailable:
        return SandboxUnavailable(self._backend.name, reason)
