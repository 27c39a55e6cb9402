"""Checks of isolation: code reaches no other session, no server, no network and no privilege."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bellglass.sandboxes.conformance.check import bash, check, python
from bellglass.sandboxes.sessions.session import Session

if TYPE_CHECKING:
    from bellglass.sandboxes.backend import Backend


@check
async def two_sessions_share_nothing(backend: Backend) -> None:
    async with Session.open(backend) as one, Session.open(backend) as other:
        await python(one, "x = 1\nfor d in ('.', '/tmp'): open(d + '/secret', 'w').write('s')")
        variable = await python(other, "x")
        files = await bash(other, "cat secret /tmp/secret")
    assert variable.error is not None
    assert files.stdout.text == ""


@check
async def nothing_of_the_server_is_in_the_environment(backend: Backend) -> None:
    async with Session.open(backend) as session:
        execution = await python(session, "import os\nsorted(os.environ)")
    assert execution.value is not None
    assert not [name for name in eval(execution.value) if "KEY" in name or "TOKEN" in name]


@check
async def there_is_no_network_but_loopback(backend: Backend) -> None:
    async with Session.open(backend) as session:
        # If there is a route, the check fails before it connects a socket, so nothing is sent.
        routes = await python(session, "open('/proc/net/route').read().splitlines()[1:]")
        names = await bash(session, "grep -o '^ *[^ :]*:' /proc/net/dev | tr -d ' :'")
        local = await python(
            session,
            "import socket\ns = socket.create_server(('127.0.0.1', 0))\n"
            "socket.create_connection(s.getsockname()).close()\n'connected'",
        )
    assert routes.value == "[]"
    assert names.stdout.text == "lo\n"
    assert local.value == "'connected'"


@check
async def the_code_has_no_privileges(backend: Backend) -> None:
    code = (
        "import ctypes, os\nd = dict(l.split(':', 1) for l in open('/proc/self/status'))\n"
        "no_new_privs = ctypes.CDLL(None).prctl(39, 0, 0, 0, 0)\n"  # gVisor's status lacks it
        "os.getuid(), int(d['CapEff'], 16), int(d['CapBnd'], 16), no_new_privs"
    )
    async with Session.open(backend) as session:
        execution = await python(session, code)
    assert execution.value is not None
    uid, effective, bounding, no_new_privs = eval(execution.value)
    assert uid != 0
    assert (effective, bounding, no_new_privs) == (0, 0, 1)
