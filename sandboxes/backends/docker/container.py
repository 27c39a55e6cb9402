"""One container, from its creation to its removal."""

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

LAUNCH_SECONDS = 45.0
"""To create, attach and start one: 0.2 s, on a machine under load some seconds."""

REMOVE_SECONDS = 10.0

VERDICT_SECONDS = 2.0
"""For the engine to tell what ended a container."""

OUT_OF_MEMORY = (
    "The sandbox was ended: it used more memory than it may. "
    "Use less at once: smaller data, fewer processes, or parts of a file."
)
KILLED = (
    "The sandbox was killed, most likely for the memory it used. "
    "Use less at once: smaller data, fewer processes, or parts of a file."
)
_KILLED_CODE = "137"  # as a shell has it: 128 and SIGKILL

_ATTACH = {"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1}


Options = Callable[["APIClient", str, int], dict[str, Any]]
"""Makes the arguments of a container's creation, of its name and its uid."""


class Container:
    """A container with a uid of its own.

    The uid is its name: an engine has no two containers of one name, so whichever server has the
    name has the uid, until the engine has removed the container.
    """

    def __init__(self, engine: Engine) -> None:
        self.name = ""
        self.removed = True
        """Nothing is left of it, as far as we know."""
        self._engine = engine
        self._lock = threading.Lock()
        self._abandoned = False
        self._id = ""
        self._attached: Any = None
        """The connection that the engine attached, as the SDK gives it."""

    @asynccontextmanager
    async def attached(
        self,
        options: Options,
        boot: Callable[[AttachedStream], Awaitable[None]],
    ) -> AsyncGenerator[AttachedStream]:
        """Create and start it, and yield the stream to its first process; then remove it.

        `boot` brings the process to the point where it speaks.

        Raises:
            SandboxUnavailable: The engine did not do so.
        """
        stream: AttachedStream | None = None
        try:
            async with self._engine.starting:
                launch = partial(self._launch, options)
                await self._engine.run(launch, LAUNCH_SECONDS)
                # Over TLS it is the socket itself, else a file made of it.
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
        """Create, attach, start: in a thread, which may be abandoned at any time.

        Then it is left to itself, and what it makes from there on, it removes.
        """
        with self._lock:
            if self._abandoned:
                return
            self.removed = False
        self._id = self._create(options, client)
        attached: Any = None
        try:
            attached = client.attach_socket(self._id, _ATTACH)
            # Before the start, so that nothing is missed.
            client.start(self._id)
        finally:
            with self._lock:
                self._attached = attached
                abandoned = self._abandoned
            if abandoned:
                _close(attached)
                client.remove_container(self._id, v=True, force=True)

    def _create(self, options: Options, client: APIClient) -> str:
        """Create it with the first uid that no other container has; return the engine's id."""
        from bellglass.sandboxes.backends.docker import reasons

        # In any order: servers that began with the same one would all have to pass over it.
        for uid in random.sample(UIDS, len(UIDS)):
            self.name = f"bellglass-{uid}"
            try:
                created = client.create_container(**options(client, self.name, uid))
            except reasons.FAILURES as exc:
                if not reasons.is_name_taken(exc):
                    raise
            else:
                return str(created["Id"])
        reason = f"the engine has {len(UIDS)} sandboxes of bellglass, which is all there can be."
        raise SandboxUnavailable("docker", reason)

    async def _why_ended(self) -> str:
        """Tell if it was for memory: a container with a kernel of its own is ended whole for it.

        A shared kernel ends single processes, and the runner tells of them.
        """
        with suppress(SandboxUnavailable), anyio.move_on_after(2 * VERDICT_SECONDS):
            return await self._engine.run(self._verdict, 2 * VERDICT_SECONDS)
        return ""

    def _verdict(self, client: APIClient) -> str:
        """Ask the engine's memory of events: the container itself may be removed by now."""
        filters = {"container": self._id, "event": ["oom", "die", "destroy"]}
        until = int(time.time() + VERDICT_SECONDS)
        code = None
        # The kernel tells of memory, and the engine of the end, apart: either may come first.
        events = client.events(since=1, until=until, filters=filters, decode=True)
        try:
            for event in events:
                action = event.get("Action")
                if action == "oom":
                    return OUT_OF_MEMORY
                if action == "die":
                    code = event.get("Actor", {}).get("Attributes", {}).get("exitCode")
                elif code != _KILLED_CODE:  # of one that was killed the kernel may yet tell
                    break
        finally:
            _close(events)  # it may not have come to its end
        return KILLED if code == _KILLED_CODE else ""

    async def _remove(self) -> None:
        with self._lock:
            self._abandoned = True
        _close(self._attached)
        if self.removed:
            return
        if not self._id:
            # It was not created, or nobody has heard of it: then it goes with the next sweep.
            return
        why = "it takes too long"
        # Around it all, because the engine may have to be reached again first.
        with anyio.move_on_after(REMOVE_SECONDS):
            try:
                await self._engine.run(self._removed, REMOVE_SECONDS)
                self.removed = True
            except SandboxUnavailable as exc:
                why = exc.reason
        if not self.removed:
            log.warning("A container could not be removed, and will be later: %s", why)

    def _removed(self, client: APIClient) -> None:
        from bellglass.sandboxes.backends.docker import reasons

        try:
            client.remove_container(self._id, v=True, force=True)
        except reasons.FAILURES as exc:
            if not reasons.is_gone(exc):
                raise


def _close(connection: Any) -> None:
    """Close what the SDK gave us: while one of its layers is open, so is the descriptor."""
    for layer in (getattr(connection, "_response", None), connection):
        if layer is not None:
            # A layer may find that the one below it was closed first.
            with suppress(OSError, ValueError):
                layer.close()


def sweep(client: APIClient, names: list[str]) -> None:
    """Remove containers that nobody has any more."""
    from bellglass.sandboxes.backends.docker import reasons

    for name in names:
        with suppress(*reasons.FAILURES):
            client.remove_container(name, v=True, force=True)
