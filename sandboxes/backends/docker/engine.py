"""Calls of Docker's SDK. They block, so each runs in a thread, with a timeout."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, TypeVar

import anyio
from anyio import CapacityLimiter, to_thread

from bellglass.sandboxes.backends.docker.image.client import connect, environment_for, why_unreached
from bellglass.sandboxes.errors import SandboxUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable

    from docker import APIClient

T = TypeVar("T")

NAME = "docker"

CONNECT_TIMEOUT_SECONDS = 15.0

MAX_STARTING_CONTAINERS = 8
"""Containers that start at the same time: more would overload the engine."""


class Engine:
    """A connection to an engine, made at the first need, and made again after it failed."""

    def __init__(self, host: str | None, image: str) -> None:
        self._wanted = host
        self._image = image
        self._client: APIClient | None = None
        self._connecting = anyio.Lock()
        self.starting = CapacityLimiter(MAX_STARTING_CONTAINERS)
        """Must be held while a container starts."""
        self._calling = CapacityLimiter(2 * MAX_STARTING_CONTAINERS)

    async def run(self, call: Callable[[APIClient], T], seconds: float) -> T:
        """Run `call` with a client of the engine in a thread, and return its result.

        The thread is abandoned at the timeout, or when the task is cancelled.

        Raises:
            SandboxUnavailable: The engine is not reachable, refused, or took too long.
        """
        return await self._in_thread(partial(call, await self._connected()), seconds)

    async def _connected(self) -> APIClient:
        async with self._connecting:
            if self._client is None:
                connect = partial(_connect, self._wanted)
                self._client = await self._in_thread(connect, CONNECT_TIMEOUT_SECONDS)
            return self._client

    async def _in_thread(self, call: Callable[[], T], seconds: float) -> T:
        async with self._calling:
            try:
                with anyio.fail_after(seconds):
                    return await to_thread.run_sync(
                        partial(_judged, call, self._wanted, self._image),
                        abandon_on_cancel=True,
                        limiter=CapacityLimiter(1),
                    )
            except TimeoutError as exc:
                self._drop()
                reason = f"the Docker engine did not answer within {seconds:.0f} s. Restart it."
                raise SandboxUnavailable(NAME, reason) from exc
            except BrokenEngine as exc:
                self._drop()
                raise SandboxUnavailable(NAME, exc.reason) from exc

    @property
    def connected(self) -> bool:
        return self._client is not None

    def _drop(self) -> None:
        """Forget the client: calls that use it go on; the next call makes another."""
        client, self._client = self._client, None
        if client is not None:
            client.close()

    async def aclose(self) -> None:
        self._drop()


class BrokenEngine(Exception):
    """The connection to the engine failed, rather than a single request."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def _judged(call: Callable[[], T], host: str | None, image: str) -> T:
    """Make the call, and convert the SDK's exceptions.

    This runs in the thread, because the SDK is imported only there: that takes a third of a second.
    """
    from bellglass.sandboxes.backends.docker import reasons

    try:
        return call()
    except reasons.FAILURES as exc:
        if reasons.is_answer(exc):
            raise SandboxUnavailable(NAME, reasons.refusal(exc, image)) from exc
        raise BrokenEngine(why_unreached(exc, environment_for(host))) from exc


def _connect(host: str | None) -> APIClient:
    try:
        return connect(host, connections=2 * MAX_STARTING_CONTAINERS).api
    except SandboxUnavailable as exc:
        raise BrokenEngine(exc.reason) from exc
