"""The life of one container, from its creation to its removal."""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, Any

import anyio

from bellglass.sandboxes.backends.docker.options import UIDS
from bellglass.sandboxes.backends.docker.stream import AttachedStream
from bellglass.sandboxes.errors import SandboxUnavailable
from bellglass.sandboxes.streams.sockets import SocketStream

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable

    from docker import APIClient

    from bellglass.sandboxes.backends.docker.engine import Engine

log = logging.getLogger(__name__)

LAUNCH_TIMEOUT_SECONDS = 45.0
"""Timeout to create, attach and start one: usually 0.2 s, on a loaded machine some seconds."""

REMOVE_TIMEOUT_SECONDS = 10.0

EXIT_REASON_TIMEOUT_SECONDS = 2.0
"""Time to wait until the engine reports why a container ended."""

OUT_OF_MEMORY = (
    "The sandbox was ended: it used more memory than its limit. "
    "Use less at once: smaller data, fewer processes, or parts of a file."
)
KILLED = (
    "The sandbox was killed, most likely for the memory it used. "
    "Use less at once: smaller data, fewer processes, or parts of a file."
)
_KILLED_CODE = "137"  # 128 + SIGKILL, as a shell reports it

_ATTACH = {"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1}


Options = Callable[["APIClient", str, int], dict[str, Any]]
"""Returns the arguments for creating a container, given its name and uid."""


class Container:
    """A container with a uid of its own.

    The uid is part of its name. Names are unique in an engine, so no other server can use the uid
    until the engine has removed the container.
    """

    def __init__(self, engine: Engine) -> None:
        self.name = ""
        self.removed = True
        """As far as we know, the engine has no such container."""
        self._engine = engine
        self._lock = threading.Lock()
        self._abandoned = False
        self._id = ""
        self._attached: Any = None
        """The connection that the engine attached, as the SDK returns it."""

    @asynccontextmanager
    async def attached(
        self,
        options: Options,
        boot: Callable[[AttachedStream], Awaitable[None]],
    ) -> AsyncGenerator[AttachedStream]:
        """Create and start it, yield the stream to its first process, and remove it on exit.

        `boot` starts the supervisor in that process.

        Raises:
            SandboxUnavailable: The engine could not start it.
        """
        stream: AttachedStream | None = None
        try:
            async with self._engine.starting:
                launch = partial(self._launch, options)
                await self._engine.run(launch, LAUNCH_TIMEOUT_SECONDS)
                # Over TLS the SDK returns the socket itself, otherwise a file object around it.
                connection = getattr(self._attached, "_sock", self._attached)
                stream = AttachedStream(SocketStream(connection))
                await boot(stream)
            stream.why_ended = self._why_ended
            yield stream
        finally:
            # Shielded: a cancelled call must not leave a container behind.
            with anyio.CancelScope(shield=True):
                if stream is not None:
                    await stream.aclose()
                await self._remove()

    def _launch(self, options: Options, client: APIClient) -> None:
        """Create, attach and start, in a thread that may be abandoned at any time.

        An abandoned thread removes the container that it creates.
        """
        with self._lock:
            if self._abandoned:
                return
            self.removed = False
        self._id = self._create(options, client)
        attached: Any = None
        try:
            attached = client.attach_socket(self._id, _ATTACH)
            # Attached before the start, so that no output is missed.
            client.start(self._id)
        finally:
            with self._lock:
                self._attached = attached
                abandoned = self._abandoned
            if abandoned:
                _close(attached)
                client.remove_container(self._id, v=True, force=True)

    def _create(self, options: Options, client: APIClient) -> str:
        """Create it with a uid that no other container has; return the engine's id."""
        from bellglass.sandboxes.backends.docker import reasons

        # In random order: servers that all began with the same uid would collide on each.
        for uid in random.sample(UIDS, len(UIDS)):
            self.name = f"bellglass-{uid}"
            try:
                created = client.create_container(**options(client, self.name, uid))
            except reasons.FAILURES as exc:
                if not reasons.is_name_taken(exc):
                    raise
            else:
                return str(created["Id"])
        reason = f"the engine has {len(UIDS)} containers of bellglass, which is the maximum."
        raise SandboxUnavailable("docker", reason)

    async def _why_ended(self) -> str:
        """Tell whether it ended for lack of memory; return "" for any other reason.

        A container with a kernel of its own ends as a whole. A shared kernel kills single
        processes, which the supervisor reports.
        """
        with suppress(SandboxUnavailable), anyio.move_on_after(2 * EXIT_REASON_TIMEOUT_SECONDS):
            return await self._engine.run(self._verdict, 2 * EXIT_REASON_TIMEOUT_SECONDS)
        return ""

    def _verdict(self, client: APIClient) -> str:
        """Read the engine's past events, because the container itself may be removed by now."""
        filters = {"container": self._id, "event": ["oom", "die", "destroy"]}
        until = int(time.time() + EXIT_REASON_TIMEOUT_SECONDS)
        code = None
        # The "oom" event comes from the kernel and "die" from the engine, in either order.
        events = client.events(since=1, until=until, filters=filters, decode=True)
        try:
            for event in events:
                action = event.get("Action")
                if action == "oom":
                    return OUT_OF_MEMORY
                if action == "die":
                    code = event.get("Actor", {}).get("Attributes", {}).get("exitCode")
                elif code != _KILLED_CODE:  # after a kill, an "oom" event may still follow
                    break
        finally:
            _close(events)  # we may not have read it to its end
        return KILLED if code == _KILLED_CODE else ""

    async def _remove(self) -> None:
        with self._lock:
            self._abandoned = True
        _close(self._attached)
        if self.removed:
            return
        if not self._id:
            # It was not created, or we did not get its id: then the next sweep removes it.
            return
        why = "it takes too long"
        # A timeout around all of it, because the engine may have to be reconnected first.
        with anyio.move_on_after(REMOVE_TIMEOUT_SECONDS):
            try:
                await self._engine.run(self._removed, REMOVE_TIMEOUT_SECONDS)
                self.removed = True
            except SandboxUnavailable as exc:
                why = exc.reason
        if not self.removed:
            log.warning("A container could not be removed; the next start tries again: %s", why)

    def _removed(self, client: APIClient) -> None:
        from bellglass.sandboxes.backends.docker import reasons

        try:
            client.remove_container(self._id, v=True, force=True)
        except reasons.FAILURES as exc:
            if not reasons.is_gone(exc):
                raise


def _close(connection: Any) -> None:
    """Close all layers of a connection of the SDK: an open layer keeps the descriptor open."""
    for layer in (getattr(connection, "_response", None), connection):
        if layer is not None:
            # Closing a layer fails if the one below it was closed first.
            with suppress(OSError, ValueError):
                layer.close()


def sweep(client: APIClient, names: list[str]) -> None:
    """Remove abandoned containers."""
    from bellglass.sandboxes.backends.docker import reasons

    for name in names:
        with suppress(*reasons.FAILURES):
            client.remove_container(name, v=True, force=True)
