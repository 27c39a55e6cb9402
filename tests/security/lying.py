"""A supervisor that lies: a small real backend that sends what a test wants."""

from __future__ import annotations

import errno
import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import anyio

from bellglass.sandboxes.backend import Backend
from bellglass.sandboxes.session_limits import Limits
from bellglass.sandboxes.sessions.session import Session
from bellglass.sandboxes.streams.memory_stream import pair
from bellglass.sandboxes.testing import CONFINED
from bellglass.sandboxes.wire.framing import encode

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable

    from anyio.abc import ByteStream

READY = {"type": "ready", **CONFINED.model_dump()}


class Far:
    """The far end of one sandbox."""

    def __init__(self, stream: ByteStream, started: int) -> None:
        self._stream = stream
        self.started = started
        """The number of the sandbox, from 1."""

    async def request(self) -> dict[str, Any]:
        data = b""
        while len(data) < 4 or len(data) < 4 + int.from_bytes(data[:4], "big"):
            data += await self._stream.receive()
        request: dict[str, Any] = json.loads(data[4:])
        return request

    async def receive(self) -> bytes:
        return await self._stream.receive()

    async def send(self, *parts: bytes) -> None:
        for part in parts:
            await self._stream.send(part)

    async def reply(self, request: dict[str, Any], **changes: Any) -> None:
        await self.send(encode(answer(request, **changes)))

    async def end(self) -> None:
        await self._stream.aclose()


def answer(request: dict[str, Any], **changes: Any) -> dict[str, Any]:
    frame = {"type": "reply", "id": request["id"], "nonce": request["nonce"]}
    return {**frame, "execution": {"status": "ok", "value": "1"}, **changes}


class LyingBackend(Backend):
    """A sandbox whose supervisor follows a script the first time, and is honest from then on."""

    def __init__(self, script: Callable[[Far], Awaitable[None]]) -> None:
        super().__init__(Limits())
        self._script = script
        self.sandboxes = 0
        self.live = 0

    @asynccontextmanager
    async def connect(self, session_id: str) -> AsyncGenerator[ByteStream]:
        near, far_end = pair()
        self.sandboxes += 1
        self.live += 1
        far = Far(far_end, self.sandboxes)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._play, far)
            try:
                yield near
            finally:
                self.live -= 1
                tasks.cancel_scope.cancel()
                await near.aclose()
                await far_end.aclose()

    async def _play(self, far: Far) -> None:
        try:
            if self.sandboxes == 1:
                await self._script(far)
                return
            await far.send(encode(READY))
            while True:
                await far.reply(await far.request())
        except (anyio.EndOfStream, anyio.BrokenResourceError, anyio.ClosedResourceError):
            pass


class FailingBackend(LyingBackend):
    """A backend with a fault of its own, the first time."""

    @asynccontextmanager
    async def connect(self, session_id: str) -> AsyncGenerator[ByteStream]:
        if self.sandboxes == 0:
            self.sandboxes += 1
            raise OSError(errno.EMFILE, "Too many open files: /secret/path")
        async with super().connect(session_id) as stream:
            yield stream


async def lost_and_restarted(script: Callable[[Far], Awaitable[None]], reason: str) -> None:
    """Check the whole course: lost with a reason, then a fresh sandbox, without a second notice."""
    backend = LyingBackend(script)
    with anyio.fail_after(20):
        async with Session.open(backend) as one:
            execution = await one.run("python", {"code": "1"}, timeout=1)
            after = await one.run("python", {"code": "1"}, timeout=20)
            live = backend.live

    assert (execution.status, execution.state) == ("lost", "lost")
    assert reason in execution.notices[0]
    assert (after.status, after.state, after.notices) == ("ok", "kept", [])
    assert (backend.sandboxes, live, backend.live) == (2, 1, 0)


def after_request(*frames: bytes, end: bool = False) -> Callable[[Far], Awaitable[None]]:
    async def script(far: Far) -> None:
        await far.send(encode(READY))
        await far.request()
        await far.send(*frames)
        if end:
            await far.end()
        await anyio.sleep_forever()

    return script


def frame(body: bytes) -> bytes:
    return len(body).to_bytes(4, "big") + body
