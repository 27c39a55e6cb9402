"""Sockets: forbidden kinds cannot even be created."""

from __future__ import annotations

import errno
import secrets
import socket
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from security.support import Target


async def test_sockets_that_namespaces_do_not_hold_cannot_be_made(lasting: Target) -> None:
    outcome = await lasting.value(
        """
kinds = {
    "raw": (2, 3, 1), "raw6": (10, 3, 58), "icmp": (2, 2, 1), "packet": (17, 3, 0),
    "packet dgram": (17, 2, 0), "route": (16, 3, 0), "audit": (16, 3, 9), "uevent": (16, 3, 15),
    "vsock": (40, 1, 0), "vsock dgram": (40, 2, 0), "alg": (38, 5, 0), "xdp": (44, 3, 0),
    "tipc": (30, 1, 0), "rds": (21, 5, 0), "bluetooth": (31, 3, 0), "can": (29, 3, 1),
    "key": (15, 3, 2), "mptcp": (2, 1, 262), "sctp": (2, 1, 132), "smc": (43, 1, 0),
    "dccp": (2, 6, 33), "udplite": (2, 2, 136), "qipcrtr": (42, 2, 0), "kcm": (41, 2, 0),
    "llc": (26, 1, 0), "nfc": (39, 5, 0), "phonet": (35, 2, 0),
}
made = []
for name, kind in kinds.items():
    if attempt(lambda: socket.socket(*kind).close()) == "OK":
        made.append(name)
made
"""
    )

    assert outcome == []


async def test_nothing_of_the_host_can_be_connected_to(lasting: Target) -> None:
    name = f"\0bellglass-{secrets.token_hex(8)}"
    with (
        socket.create_server(("127.0.0.1", 0)) as tcp,
        socket.socket(socket.AF_UNIX) as abstract,
    ):
        abstract.bind(name)
        abstract.listen()
        tcp.setblocking(False)
        abstract.setblocking(False)
        # Where there is a route, nothing is sent: the test fails before a socket is connected.
        routes = await lasting.value("open('/proc/net/route').read().splitlines()[1:]")
        names = await lasting.value(
            "[line.split(':')[0].strip() for line in open('/proc/net/dev') if ':' in line]"
        )
        assert (routes, names) == ([], ["lo"])

        outcome = await lasting.value(
            f"""
def connect(family, address):
    with socket.socket(family) as one:
        one.settimeout(2)
        one.connect(address)
[attempt(connect, socket.AF_INET, ("127.0.0.1", {tcp.getsockname()[1]})),
 attempt(connect, socket.AF_UNIX, {name!r}),
 attempt(connect, socket.AF_INET, ("192.0.2.1", 9)),
 attempt(connect, socket.AF_INET6, ("2001:db8::1", 9)),
 attempt(socket.getaddrinfo, "example.com", 80)]
"""
        )

        assert outcome[:3] == ["ECONNREFUSED", "ECONNREFUSED", "ENETUNREACH"]
        assert outcome[3] in ("ENETUNREACH", "EADDRNOTAVAIL", "EAFNOSUPPORT")
        assert outcome[4] != "OK"
        for listener in (tcp, abstract):
            with pytest.raises(BlockingIOError):
                listener.accept()


async def test_the_host_cannot_connect_to_the_inside(lasting: Target) -> None:
    port = await lasting.value(
        "server = socket.create_server(('127.0.0.1', 0))\nserver.getsockname()[1]"
    )

    with socket.socket() as client:
        assert client.connect_ex(("127.0.0.1", port)) == errno.ECONNREFUSED


async def test_risky_parts_of_sockets_are_closed(lasting: Target) -> None:
    outcome = await lasting.value(
        """
one, other = socket.socketpair()
server = socket.create_server(("127.0.0.1", 0))
tcp = socket.create_connection(server.getsockname())
code = ctypes.create_string_buffer(struct.pack("HBBI", 6, 0, 0, 0xFFFF))
program = struct.pack("HL", 1, ctypes.addressof(code))
[
    attempt(one.send, b"x", socket.MSG_OOB),
    attempt(one.sendmsg, [b"x"], [], socket.MSG_OOB),
    attempt(tcp.setsockopt, 6, 31, b"tls"),
    attempt(tcp.setsockopt, socket.SOL_SOCKET, 26, program),
]
"""
    )

    assert outcome == ["ENOTSUP", "ENOTSUP", "ENOPROTOOPT", "EPERM"]


async def test_closing_a_socket_waits_for_nobody(lasting: Target) -> None:
    # Sent to process 1, such a socket would keep it from enforcing anything.
    seconds = await lasting.value(
        """
server = socket.create_server(("127.0.0.1", 0))
client = socket.create_connection(server.getsockname())
client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 6))
client.setblocking(False)
try:
    while True:
        client.send(bytes(65536))
except BlockingIOError:
    client.setblocking(True)
began = time.monotonic()
client.close()
time.monotonic() - began
"""
    )

    assert seconds < 5
