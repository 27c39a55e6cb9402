"""The keeper: what it holds, when that ends, and who reaches it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from security.outliving import Host, left_by_alice, open_files, session_of, sessions_of
from security.support import until


async def test_a_killed_keeper_takes_what_waits_along_and_that_is_told(host: Host) -> None:
    session_id = await host.kept()
    assert host.sandboxes()
    keeper = await host.keeper()

    os.kill(keeper, signal.SIGKILL)

    await until(lambda: not host.sandboxes())
    async with host.server() as talk:
        lost = await talk.run("x", session_id=session_id)
        fresh = session_of(await talk.run("6 * 7"))
        await talk.ask("close_session", session_id=fresh)
    assert "Call again without session_id" in lost


async def test_a_killed_keeper_costs_a_server_nothing_and_is_replaced(host: Host) -> None:
    async with host.server() as talk:
        session_id = session_of(await talk.run("x = 41"))
        keeper = await host.keeper()
        os.kill(keeper, signal.SIGKILL)
        assert "41" in await talk.run("x", session_id=session_id)
        await until(lambda: bool(set(host.keepers()) - {keeper}))

    async with host.server() as talk:
        assert "42" in await talk.run("x + 1", session_id=session_id)
        await talk.ask("close_session", session_id=session_id)


async def test_a_stopped_keeper_ends_what_waits(host: Host) -> None:
    await host.kept()
    keeper = await host.keeper()

    os.kill(keeper, signal.SIGTERM)

    await until(lambda: not host.sandboxes())


async def test_what_nobody_comes_for_ends_at_its_deadline(host: Host) -> None:
    await host.kept(BELLGLASS_DETACHED_SECONDS="0.5")

    await until(lambda: not host.sandboxes())


@pytest.mark.parametrize(
    "settings",
    [{"BELLGLASS_DETACHED_SECONDS": "0"}, {"BELLGLASS_SESSION_SCOPE": "connection"}],
    ids=["switched off", "of a connection"],
)
async def test_without_need_there_is_no_keeper_and_nothing_outlives(
    host: Host, settings: dict[str, str]
) -> None:
    async with host.server(**settings) as talk:
        await talk.run("x = 41")
        assert host.sandboxes()
        talk.wire.process.kill()
        await talk.wire.ended(20)

    await until(lambda: not host.sandboxes())
    assert host.keepers() == []
    assert not host.folder.exists()
    async with host.server(**settings) as talk:
        await talk.run("6 * 7")  # which removes the control group of the server before it


STRANGER = """
import os, socket, sys
os.setgid(60943); os.setuid(60943)
with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as stranger:
    stranger.connect(sys.argv[1])
    sys.exit(len(stranger.recv(100)))
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
async def test_the_keeper_serves_no_other_user() -> None:
    with TemporaryDirectory() as runtime:  # nobody else may enter a folder of pytest's
        os.chmod(runtime, 0o755)
        host = Host(Path(runtime))
        async with host.server() as talk:
            session_id = session_of(await talk.run("x = 41"))
            await host.keeper()
            path = host.folder / "socket"
            command = [sys.executable, "-I", "-S", "-c", STRANGER, str(path)]
            outside = subprocess.run(command, capture_output=True, check=False)  # noqa: ASYNC221
            host.folder.parent.chmod(0o755)
            host.folder.chmod(0o755)
            path.chmod(0o666)
            inside = subprocess.run(command, capture_output=True, check=False)  # noqa: ASYNC221
            host.folder.chmod(0o700)
            await talk.ask("close_session", session_id=session_id)
        await host.is_clean()

    assert b"PermissionError" in outside.stderr
    assert (inside.returncode, inside.stderr) == (0, b"")  # the connection was closed


async def test_a_folder_that_others_may_write_to_is_not_used(host: Host) -> None:
    host.folder.mkdir(parents=True)
    host.folder.chmod(0o777)
    async with host.server() as talk:
        await talk.run("x = 41")

    await until(lambda: not host.sandboxes())
    host.folder.chmod(0o700)
    assert list(host.folder.iterdir()) == []
    host.folder.rmdir()


async def test_a_session_is_held_once_however_many_servers_had_it(host: Host) -> None:
    session_id = await left_by_alice(host.folder)
    for number in range(3):
        async with sessions_of(host.folder) as sessions:
            session = await sessions.find(session_id, "alice")
            assert (await session.run("python", {"code": f"x + {number}"}, timeout=10)).value

    keeper = await host.keeper()
    await until(lambda: open_files(keeper).count("anon_inode:[pidfd]") == 1)
    async with sessions_of(host.folder) as sessions:
        await sessions.find(session_id, "alice")
        await sessions.close(session_id, "alice", "the test is over")
