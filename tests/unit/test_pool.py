"""Sessions that are ready before they are asked for."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import anyio
import pytest
from anyio import EndOfStream
from anyio.abc import ByteStream
from conftest import LIMITS

from bellglass.sandboxes import pool
from bellglass.sandboxes.backend import Backend
from bellglass.sandboxes.backends.embedded import EmbeddedBackend
from bellglass.sandboxes.errors import SandboxUnavailable
from bellglass.sandboxes.sessions import Sessions

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from bellglass.sandboxes.session import Session


class Cut(ByteStream):
    """A stream whose far end ends when we say so."""

    def __init__(self, inner: ByteStream) -> None:
        self._inner = inner
        self._ended = anyio.Event()
        self._scope = anyio.CancelScope()

    def cut(self) -> None:
        self._ended.set()
        self._scope.cancel()

    async def receive(self, max_bytes: int = 65536) -> bytes:
        if not self._ended.is_set():
            with anyio.CancelScope() as self._scope:
                return await self._inner.receive(max_bytes)
        raise EndOfStream

    async def send(self, item: bytes) -> None:
        await self._inner.send(item)

    async def send_eof(self) -> None:
        await self._inner.send_eof()

    async def aclose(self) -> None:
        await self._inner.aclose()


class Counted(Backend):
    """Places of the embedded sandbox, counted, and failing where that is wanted."""

    waivers = EmbeddedBackend.waivers

    def __init__(self) -> None:
        super().__init__(LIMITS)
        self.inner = EmbeddedBackend(LIMITS, launcher="zygote")
        self.gate = anyio.Event()
        self.gate.set()
        self.begun: list[str] = []
        self.made: list[str] = []
        self.ended: list[str] = []
        self.streams: dict[str, Cut] = {}
        self.failing = False
        self.changed = anyio.Event()

    @asynccontextmanager
    async def connect(self, session_id: str) -> AsyncGenerator[ByteStream]:
        if self.failing:
            raise SandboxUnavailable("counted", "it is meant to fail.")
        self.begun.append(session_id)
        self._change()
        await self.gate.wait()
        async with self.inner.connect(session_id) as stream:
            self.made.append(session_id)
            self.streams[session_id] = Cut(stream)
            self._change()
            try:
                yield self.streams[session_id]
            finally:
                self.ended.append(session_id)
                self._change()

    def _change(self) -> None:
        self.changed.set()
        self.changed = anyio.Event()

    async def until(self, *, begun: int = 0, made: int = 0, ended: int = 0) -> None:
        wanted = (begun, made, ended)
        with anyio.fail_after(20):
            while any(
                len(seen) < least
                for seen, least in zip((self.begun, self.made, self.ended), wanted, strict=True)
            ):
                await self.changed.wait()

    async def aclose(self) -> None:
        await self.inner.aclose()


@asynccontextmanager
async def pooled(backend: Counted, size: int = 1) -> AsyncGenerator[Sessions]:
    async def choose() -> Backend:
        return backend

    async with Sessions.open_all(
        choose, max_sessions=8, idle_seconds=60, age_seconds=60, pool=size
    ) as sessions:
        yield sessions


async def first_value(session: Session) -> str | None:
    execution = await session.run("python", {"code": "1 + 1"}, timeout=20)
    assert (execution.state, execution.notices) == ("kept", [])
    return execution.value


async def test_nothing_is_made_before_the_first_need() -> None:
    backend = Counted()
    async with pooled(backend) as sessions:
        await sessions.backend()
        await anyio.wait_all_tasks_blocked()

    assert backend.made == []


async def test_a_new_session_has_its_place_already() -> None:
    backend = Counted()
    async with pooled(backend) as sessions:
        first = await sessions.open()
        assert await first_value(first) == "2"
        await backend.until(made=2)
        made = set(backend.made)
        second = await sessions.open()
        assert made == {first.id, second.id}
        assert await first_value(second) == "2"
        await backend.until(made=3)

    assert sorted(backend.ended) == sorted(backend.made)


async def test_no_more_are_kept_than_wanted() -> None:
    backend = Counted()
    async with pooled(backend, size=2) as sessions:
        assert await first_value(await sessions.open()) == "2"
        await backend.until(made=3)
        with anyio.move_on_after(2 * pool.PAUSE_SECONDS):
            await backend.until(made=4)

        assert len(backend.made) == 3


async def test_a_warm_place_that_died_is_replaced_unseen() -> None:
    backend = Counted()
    async with pooled(backend) as sessions:
        await first_value(await sessions.open())
        await backend.until(made=2)
        backend.streams[backend.made[1]].cut()
        await backend.until(made=2, ended=1)

        assert await first_value(await sessions.open()) == "2"


async def test_a_warm_place_that_is_stale_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    backend = Counted()
    async with pooled(backend) as sessions:
        await first_value(await sessions.open())
        await backend.until(made=2)
        monkeypatch.setattr(pool, "STALE_SECONDS", 0.0)

        session = await sessions.open()
        assert await first_value(session) == "2"
        assert session.id != backend.made[1]
        await backend.until(ended=1)


async def test_who_comes_while_a_place_is_being_made_gets_that_one() -> None:
    backend = Counted()
    async with pooled(backend) as sessions:
        await first_value(await sessions.open())
        backend.gate = anyio.Event()
        await backend.until(begun=2)
        session = await sessions.open()
        backend.gate.set()

        assert await first_value(session) == "2"
        assert session.id == backend.begun[1]


async def test_a_backend_that_fails_is_tried_again_at_the_next_need() -> None:
    backend = Counted()
    backend.failing = True
    async with pooled(backend) as sessions:
        with pytest.raises(SandboxUnavailable):
            await first_value(await sessions.open())
        with anyio.move_on_after(2 * pool.PAUSE_SECONDS):
            await backend.until(made=1)
        backend.failing = False

        assert await first_value(await sessions.open()) == "2"
        await backend.until(made=2)
