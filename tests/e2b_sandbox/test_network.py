"""Network access of sessions on E2B, whose machines have no internet."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

from e2b_sandbox.support import on, settled, until
from network import test_attacks
from network.conftest import host, opened
from network.support import bash, network, publish, python, web, wheel
from network.test_attacks import silent

from bellglass.sandboxes.sessions.session import Session

if TYPE_CHECKING:
    from pathlib import Path

    from e2b_double import Double

__all__ = ["host", "opened", "silent"]

# The attacks that depend on how bytes travel; the others end in the sandbox, or in the server.
test_many_connections = (
    test_attacks.test_a_thousand_connections_that_say_nothing_cost_only_their_own_call
)
test_slow_ends = (
    test_attacks.test_hosts_that_take_nothing_and_programs_that_take_nothing_are_not_waited_for
)


async def test_packages_come_over_the_one_stream(double: Double, tmp_path: Path) -> None:
    backend = on(double)
    with web() as index:
        publish(index, "alpha", wheel("alpha", text="value = '" + "x" * 2_000_000 + "'"))
        backend.network = network("packages", index=index, cache=tmp_path)
        async with Session.open(backend) as session:
            installed = await bash(session, "python3 -m pip install -q alpha")
            imported = await python(session, "import alpha\nlen(alpha.value)")
        await backend.network.aclose()
    await backend.aclose()

    assert installed.status == "ok", installed
    assert imported.value == "2000000"
    assert double.engine.machines == {}


async def test_a_session_that_sleeps_has_hung_up(double: Double) -> None:
    backend = on(double, pause=True)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        backend.network = network("allow-list", f"127.0.0.1:{port}")
        async with Session.open(backend) as session:
            opened = await python(
                session,
                "import socket\none = socket.create_connection(('127.0.0.1', 3128))\n"
                f"one.sendall(b'CONNECT 127.0.0.1:{port} HTTP/1.1\\r\\n"
                f"Host: 127.0.0.1:{port}\\r\\n\\r\\n')\none.recv(100)[9:12]",
            )
            remote, _ = listener.accept()
            with remote:
                await settled(session)
                rested = await session.pause()
                remote.settimeout(60)
                ended = remote.recv(1)
            await until(lambda: [m.state for m in double.engine.machines.values()] == ["paused"])
            after = await python(session, "one.recv(1)")
    await backend.aclose()

    assert (opened.value, rested, ended) == ("b'200'", True, b"")
    assert after.value == "b''"
