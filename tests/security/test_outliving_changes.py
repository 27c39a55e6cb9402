"""Sessions whose next server is not as the last one was, or finds only what was saved."""

from __future__ import annotations

import os
import shutil
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from security.outliving import left_by_alice, session_of, sessions_of
from security.support import until

import bellglass.sandboxes
from bellglass.sandboxes.saving.store import SessionStore

if TYPE_CHECKING:
    from security.outliving import Host

FOLDER = """
import pathlib
before = pathlib.Path('/folders/app/a.txt').read_text()
pathlib.Path('/folders/app/a.txt').write_text('changed')
"""


@pytest.fixture
def other_version(tmp_path: Path) -> dict[str, str]:
    """Settings of a server whose sandboxes have another program."""
    folder = tmp_path / "other"
    source = Path(bellglass.sandboxes.__file__).parent
    shutil.copytree(source, folder / "bellglass/sandboxes")
    frames = folder / "bellglass/sandboxes/supervisor/main.py"
    text = frames.read_text()
    frames.unlink()  # an editable install has a link there
    frames.write_text(f"{text}\n# Another version.\n")
    return {"PYTHONPATH": str(folder)}


async def test_another_version_cannot_go_on_and_says_that_it_is_lost(
    host: Host, other_version: dict[str, str]
) -> None:
    session_id = await host.kept()

    async with host.server(**other_version) as talk:
        lost = await talk.run("x", session_id=session_id)
    async with host.server() as talk:
        found = await talk.run("x + 1", session_id=session_id)
        await talk.ask("close_session", session_id=session_id)

    assert "What an earlier server had is gone" in lost
    assert "Call again without session_id" in lost
    assert "42" in found


async def test_another_version_revives_what_is_saved_and_can_close_all_of_it(
    host: Host, other_version: dict[str, str], tmp_path: Path
) -> None:
    store = {"BELLGLASS_STORE": str(tmp_path / "store")}
    session_id = await left(host, **store)

    async with host.server(**other_version, **store) as talk:
        first = await talk.run("x + 1", session_id=session_id)
        async with host.server(**store) as old:
            elsewhere = await old.run("x", session_id=session_id)
        assert host.keepers()
        closed = await talk.ask("close_session", session_id=session_id)

    assert "42" in first
    assert "and has been revived as it was then: 1 variable" in first
    assert "another server goes on with it" in elsewhere
    assert "deleted" in closed


async def left(host: Host, **settings: str) -> str:
    """Have a session on a server that is stopped, and saves it; return its id."""
    async with host.server(**settings) as talk:
        session_id = session_of(await talk.run("x = 41"))
        await host.keeper()
        talk.wire.process.send_signal(signal.SIGTERM)
        await talk.wire.ended(20)
    return session_id


async def test_what_a_killed_keeper_held_is_revived_as_it_was_saved(
    host: Host, tmp_path: Path
) -> None:
    store = {"BELLGLASS_STORE": str(tmp_path / "store")}
    session_id = await left(host, **store)
    async with host.server(**store) as talk:
        live = await talk.run("x += 1; x", session_id=session_id)
        async with host.server(**store) as other:
            elsewhere = await other.run("x", session_id=session_id)
        talk.wire.process.kill()
        await talk.wire.ended(20)

    os.kill(await host.keeper(), signal.SIGKILL)

    await until(lambda: not host.sandboxes())
    async with host.server(**store) as talk:
        saved = await talk.run("x", session_id=session_id)
        await talk.ask("close_session", session_id=session_id)
    assert "42" in live
    assert "its variables and files are kept" in live
    assert "another server goes on with it" in elsewhere
    assert "41" in saved
    assert "and has been revived as it was then: 1 variable" in saved


async def test_a_session_that_was_only_found_again_is_saved_when_it_is_idle(
    host: Host, tmp_path: Path
) -> None:
    session_id = await left_by_alice(host.folder)

    async with sessions_of(host.folder, SessionStore(tmp_path / "store")) as sessions:
        await sessions.find(session_id, "alice")
        await sessions.rest(session_id, "alice", "it was idle")
        session = await sessions.find(session_id, "alice")
        revived = await session.run("python", {"code": "x + 1"}, timeout=10)
        await sessions.close(session_id, "alice", "the test is over")

    assert revived.value == "42"


async def test_a_copy_of_a_lent_folder_goes_on_with_its_session(host: Host, tmp_path: Path) -> None:
    (tmp_path / "app").mkdir()
    (tmp_path / "app/a.txt").write_text("mine")
    lent = {"BELLGLASS_FOLDERS": f"app={tmp_path}/app:copy"}
    async with host.server(**lent) as talk:
        session_id = session_of(await talk.run(FOLDER))
        await host.keeper()
        talk.wire.process.kill()
        await talk.wire.ended(20)

    (tmp_path / "app/new.txt").write_text("new")
    async with host.server() as talk:
        without = await talk.run("before", session_id=session_id)
    async with host.server(**lent) as talk:
        look = "pathlib.Path('/folders/app/{}.txt').read_text()"
        code = f"before, {look.format('a')}, {look.format('new')}"
        first = await talk.run(code, session_id=session_id)
        await talk.ask("close_session", session_id=session_id)

    assert "What an earlier server had is gone" in without
    assert "('mine', 'changed', 'new')" in first
    assert (tmp_path / "app/a.txt").read_text() == "mine"
