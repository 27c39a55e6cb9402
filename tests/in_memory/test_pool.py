"""Sessions that are ready before a client asks for one."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import anyio
import pytest

from bellglass.sandboxes import Backend, Execution
from bellglass.sandboxes.errors import SandboxUnavailable
from bellglass.sandboxes.sessions import pool
from bellglass.sandboxes.sessions.sessions import Sessions
from bellglass.sandboxes.testing import InMemoryBackend

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from anyio.abc import ByteStream

    from bellglass.sandboxes.sessions.session import Session


class Counted(InMemoryBackend):
    """Sandboxes that are counted, die when we say so, and fail where that is wanted."""

    def __init__(self) -> None:
        super().__init__({"1 + 1": Execution(status="ok", value="2")})
        self.gate = anyio.Event()
        self.gate.set()
        self.begun: list[str] = []
        self.sandboxes: list[str] = []
        self.ended: list[str] = []
        self.streams: dict[str, ByteStream] = {}
        self.failing = False
        self.changed = anyio.Event()

    @asynccontextmanager
    async def connect(self, session_id: str) -> AsyncGenerator[ByteStream]:
        if self.failing:
            raise SandboxUnavailable("counted", "it is meant to fail.")
        self.begun.append(session_id)
        self._change()
        await self.gate.wait()
        async with super().connect(session_id) as stream:
            self.sandboxes.append(session_id)
            self.streams[session_id] = stream
            self._change()
            try:
                yield stream
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
                for seen, least in zip(
                    (self.begun, self.sandboxes, self.ended), wanted, strict=True
                )
            ):
                await self.changed.wait()


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

    assert backend.sandboxes == []


async def test_a_new_session_has_its_sandbox_already() -> None:
    backend = Counted()
    async with pooled(backend) as sessions:
        first = await sessions.open()
        assert await first_value(first) == "2"
        await backend.until(made=2)
        made = set(backend.sandboxes)
        second = await sessions.open()
        assert made == {first.id, second.id}
        assert await first_value(second) == "2"
        await backend.until(made=3)

    assert sorted(backend.ended) == sorted(backend.sandboxes)


async def test_no_more_are_kept_than_wanted() -> None:
    backend = Counted()
    async with pooled(backend, size=2) as sessions:
        assert await first_value(await sessions.open()) == "2"
        await backend.until(made=3)
        with anyio.move_on_after(2 * pool.MIN_QUIET_SECONDS):
            await backend.until(made=4)

        assert len(backend.sandboxes) == 3


async def test_a_warm_sandbox_that_died_is_replaced_unseen() -> None:
    backend = Counted()
    async with pooled(backend) as sessions:
        await first_value(await sessions.open())
        await backend.until(made=2)
        await backend.streams[backend.sandboxes[1]].aclose()
        await backend.until(made=2, ended=1)

        assert await first_value(await sessions.open()) == "2"


async def test_a_warm_sandbox_that_is_stale_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    backend = Counted()
    async with pooled(backend) as sessions:
        await first_value(await sessions.open())
        await backend.until(made=2)
        monkeypatch.setattr(pool, "MAX_WARM_SECONDS", 0.0)

        session = await sessions.open()
        assert await first_value(session) == "2"
        assert session.id != backend.sandboxes[1]
        await backend.until(ended=1)


async def test_who_comes_while_a_sandbox_is_being_made_gets_that_one() -> None:
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
        with anyio.move_on_after(2 * pool.MIN_QUIET_SECONDS):
            await backend.until(made=1)
        backend.failing = False

        assert await first_value(await sessions.open()) == "2"
        await backend.until(made=2)
