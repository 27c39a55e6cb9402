"""The sandbox of a session: made when a call needs one, and replaced after it has died."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

import anyio

from bellglass.sandboxes.connection import Connection
from bellglass.sandboxes.errors import SandboxUnavailable, SessionLost, SessionNotFound

if TYPE_CHECKING:
    from collections.abc import Callable

    from anyio.abc import ByteStream

    from bellglass.sandboxes.backend import Backend
    from bellglass.sandboxes.frame_models import Ready

logger = logging.getLogger(__name__)

START_TIMEOUT_SECONDS = 60.0
"""For a sandbox to be ready: on a busy machine a container takes seconds, a VM tens of them."""


class SandboxHolder:
    """Holds one sandbox at a time. `hold` must be running in a task of its own."""

    def __init__(
        self,
        backend: Backend,
        session_id: str,
        on_death: Callable[[], None],
        on_ready: Callable[[Connection, Ready], None],
    ) -> None:
        """`on_death` is called when a sandbox has died, `on_ready` when one is ready."""
        self.connection: Connection | None = None
        self.ready: Ready | None = None
        """What the sandbox has said of itself; also of what another server left in it."""
        self.started_at = 0.0
        """When the last sandbox was started, in seconds since the epoch."""
        self.closed = False
        """Whether no sandbox will be made any more."""
        self.why_closed = "The session ended during this call."
        self._backend = backend
        self._session_id = session_id
        self._on_death = on_death
        self._on_ready = on_ready
        self._failure: SandboxUnavailable | None = None
        self._wanted = anyio.Event()
        """Set while somebody waits for a sandbox."""
        self._settled = anyio.Event()
        """Set when the sandbox is ready, or could not be made."""
        self._gone = anyio.Event()
        """Set when the last sandbox has been destroyed."""

    # --- for callers that need a sandbox

    async def prepare(self) -> None:
        """Make a sandbox, if there is none; `failed` tells if that did not succeed."""
        if self.connection is None and not self.closed:
            self._wanted.set()
            await self._settled.wait()

    @property
    def failed(self) -> bool:
        """Whether the sandbox could not be made, or has died."""
        if self.connection is not None:
            return self.connection.given_up
        return self.closed or not self._wanted.is_set()

    async def connected(self) -> Connection:
        """Return the sandbox's connection; make the sandbox if there is none.

        Raises:
            SandboxUnavailable: It cannot be made.
            SessionNotFound: The session has been closed.
        """
        if self.connection is not None and self.connection.given_up:
            await self._gone.wait()
        begun = self._wanted.is_set()
        await self.prepare()
        if begun:
            # An attempt that began before this call may have failed: the next one is ours.
            await self.prepare()
        if self.closed:
            raise SessionNotFound(self.why_closed)
        if self.connection is None:
            raise self._failure or self._unavailable("it ended as soon as it had started.")
        return self.connection

    async def gone(self) -> None:
        """Wait until the last sandbox has been destroyed."""
        await self._gone.wait()

    # --- the task that holds the sandbox

    async def hold(self) -> None:
        """Make a sandbox when one is needed, and another when it has died, until cancelled."""
        try:
            while True:
                await self._wanted.wait()
                self._failure = None
                await self._hold_connection()
        finally:
            # Calls that still wait for a sandbox would wait forever.
            self.closed = True
            self._settled.set()
            self._gone.set()

    async def _hold_connection(self) -> None:
        """Hold one sandbox until it dies, or cannot be made."""
        self.started_at = time.time()
        try:
            async with self._backend.connect(self._session_id) as stream:
                try:
                    connection = await self._verified(stream)
                except SandboxUnavailable as exc:
                    # Not raised through the backend's context: a task group in it would wrap it.
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
            # An error of one sandbox: the others, and the server, go on.
            logger.exception("A sandbox of the %s backend failed", self._backend.name)
            self._failure = self._unavailable(f"{type(exc).__name__} in the server.")
        finally:
            self.connection = None
            self._wanted = anyio.Event()
            self._settled.set()
            self._settled = anyio.Event()
            self._gone.set()

    async def _verified(self, stream: ByteStream) -> Connection:
        backend = self._backend
        connection = Connection(
            stream, backend.silence_seconds, backend.network, backend.patience_seconds
        )
        try:
            with anyio.fail_after(START_TIMEOUT_SECONDS):
                ready = await connection.ready()
                self.ready = ready
                self._backend.verify(ready)
                self._on_ready(connection, ready)
                await connection.open_network()
        except TimeoutError as exc:
            reason = f"its supervisor did not start within {START_TIMEOUT_SECONDS:.0f} s."
            raise self._unavailable(reason) from exc
        except SessionLost as exc:
            raise self._unavailable(exc.reason) from exc
        return connection

    def _unavailable(self, reason: str) -> SandboxUnavailable:
        return SandboxUnavailable(self._backend.name, reason)
