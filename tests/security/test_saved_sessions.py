"""Saved sessions: with a real server that ends, and with what a hostile session leaves behind."""

from __future__ import annotations

import signal
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
from conftest import LIMITS
from protocol.support import Wire
from security.outliving import Conversation, session_of
from security.support import until

from bellglass.sandboxes.backends.embedded import EmbeddedBackend
from bellglass.sandboxes.errors import SandboxError, SessionNotFound
from bellglass.sandboxes.saving import exchange
from bellglass.sandboxes.saving.store import SessionStore
from bellglass.sandboxes.sessions.sessions import Sessions

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from pathlib import Path

    from bellglass.sandboxes.backend import Backend
    from bellglass.sandboxes.execution import Execution
    from bellglass.sandboxes.sessions.session import Session

FLOOD = """
import os, threading
os.makedirs('/tmp/.bellglass-saved', exist_ok=True)
class Flood:
    def __reduce__(self):
        while True: os.write(pipe, bytes(1 << 16))
pipe = os.open
class Opener:
    def __reduce__(self):
        global pipe
        pipe = os.open('/tmp/.bellglass-saved/pipe', os.O_RDWR)
        return (int, ())
first, second = Opener(), Flood()
"""


@asynccontextmanager
async def server(store: Path, **settings: str) -> AsyncGenerator[Conversation]:
    given = {"BELLGLASS_SANDBOX": "embedded", "BELLGLASS_STORE": str(store), **settings}
    with Wire(**given) as wire:
        await wire.initialize()
        yield Conversation(wire)
        if wire.process.poll() is None:
            assert wire.process.stdin is not None
            wire.process.stdin.close()
            await wire.ended(20)


@asynccontextmanager
async def sessions(backend: Backend, store: SessionStore, **options: Any) -> AsyncGenerator[Any]:
    given = {"max_sessions": 4, "idle_seconds": 600, "age_seconds": 600, "pool": 0, **options}

    async def choose() -> Backend:
        return backend

    async with Sessions.open_all(choose, store=store, **given) as opened:
        yield opened


@pytest.fixture
async def backend() -> AsyncGenerator[EmbeddedBackend]:
    backend = EmbeddedBackend(LIMITS)
    yield backend
    await backend.aclose()


@pytest.fixture
def store(tmp_path: Path) -> SessionStore:
    return SessionStore(tmp_path / "store")


async def run(session: Session, code: str) -> Execution:
    return await session.run("python", {"code": code}, timeout=20)


@pytest.mark.parametrize("number", [None, signal.SIGTERM], ids=["closed", "stopped"])
async def test_the_next_server_revives_what_the_last_one_saved(
    tmp_path: Path, number: signal.Signals | None
) -> None:
    async with server(tmp_path / "s") as talk:
        code = "import threading\nx = 41; lock = threading.Lock(); print(file=open('kept', 'w'))"
        session_id = session_of(await talk.run(code))
        if number is not None:
            talk.wire.process.send_signal(number)
            await talk.wire.ended(20)

    async with server(tmp_path / "s") as talk:
        first = await talk.run("import os; print(x + 1, os.listdir())", session_id=session_id)
        second = await talk.run("x", session_id=session_id)
        closed = await talk.ask("close_session", session_id=session_id)

    assert "42 ['kept']" in first
    assert (
        "has been revived as it was then: 1 variable and 1 file. Not kept, make them anew: lock ("
        in first
    )
    assert "revived" not in second
    assert "deleted" in closed
    assert not list((tmp_path / "s").iterdir())


async def test_without_a_store_nothing_is_on_disk(tmp_path: Path) -> None:
    async with server(tmp_path / "s", BELLGLASS_STORE="") as talk:
        session_id = session_of(await talk.run("x = 41"))

    async with server(tmp_path / "s", BELLGLASS_STORE="") as talk:
        told = await talk.run("x", session_id=session_id)

    assert "Call again without session_id" in told
    assert not (tmp_path / "s").exists()


async def test_the_one_that_makes_room_is_saved_and_comes_back(
    backend: EmbeddedBackend, store: SessionStore
) -> None:
    async with sessions(backend, store, max_sessions=1) as opened:
        first = await opened.open("ann")
        await run(first, "x = 41")
        second = await opened.open("ann")
        await run(second, "y = 2")
        back = await opened.find(first.id, "ann")
        execution = await run(back, "x")

        with pytest.raises(SessionNotFound, match="No such session"):
            await opened.find(second.id, "bob")
        other = await opened.find(second.id, "ann")
        assert (await run(other, "y")).value == "2"

    assert execution.value == "41"
    assert "revived" in execution.notices[0]


async def test_a_session_that_is_idle_is_saved_and_closing_it_deletes_that(
    backend: EmbeddedBackend, store: SessionStore
) -> None:
    async with sessions(backend, store, idle_seconds=0.5) as opened:
        session = await opened.open("ann")
        await run(session, "x = 41")
        await until(lambda: store.find(session.id, "ann") is not None)
        with pytest.raises(SessionNotFound):
            await opened.close(session.id, "bob", "test")
        assert store.find(session.id, "ann") is not None

        await opened.close(session.id, "ann", "test")

        assert store.find(session.id, "ann") is None
        with pytest.raises(SessionNotFound):
            await opened.find(session.id, "ann")


async def test_an_archive_without_an_end_is_broken_off_and_nothing_is_kept(
    backend: EmbeddedBackend, store: SessionStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exchange, "MAX_ARCHIVE_BYTES", 4 * 1024**2)
    async with sessions(backend, store) as opened:
        session = await opened.open()
        await run(session, FLOOD)

        await opened.rest(session.id, None, "test")

    assert store.find(session.id, None) is None
    assert not list(store.folder.iterdir())


@pytest.mark.parametrize(
    "archive",
    [b"", b"z\0\0\0\4junk", b"s\0\0\0\1x" * 9, b"s\xff\xff\xff\xff"],
    ids=["empty", "no zlib", "no tar", "too long"],
)
async def test_an_archive_that_is_none_is_told_and_stays(
    backend: EmbeddedBackend,
    store: SessionStore,
    archive: bytes,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(exchange, "REVIVE_TIMEOUT_SECONDS", 6.0)
    session_id = "0" * 32
    draft = store.begin(session_id, None, 0.0, 1)
    draft.write(archive)
    draft.keep()
    draft.drop()

    async with sessions(backend, store) as opened:
        with pytest.raises(SandboxError, match="It stays saved"):
            await opened.find(session_id, None)
        fresh = await opened.open()
        assert (await run(fresh, "1 + 1")).value == "2"

    assert store.find(session_id, None) is not None


async def test_a_store_that_cannot_be_written_costs_only_what_would_be_saved(
    backend: EmbeddedBackend, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    async with sessions(backend, SessionStore(tmp_path / "file" / "store")) as opened:
        session = await opened.open()
        await run(session, "x = 41")

        await opened.rest(session.id, None, "test")

        with pytest.raises(SessionNotFound, match="gone"):
            await opened.find(session.id, None)
