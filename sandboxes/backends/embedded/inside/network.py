"""Configure the loopback, which is the only network interface of a sandbox."""

from __future__ import annotations

import fcntl
import socket
import struct

from bellglass.sandboxes.confinement import libc

_SIOCSIFFLAGS = 0x8914  # include/uapi/linux/sockios.h
_IFF_UP = 0x1  # include/uapi/linux/if.h
_IFF_RUNNING = 0x40


_BUFFERS = {"tcp_rmem": "4096 65536 131072", "tcp_wmem": "4096 16384 131072"}
"""Minimum, initial and maximum bytes of a connection's buffers, see tcp(7)."""


def bound_buffers() -> None:
    """Limit the buffers of connections in this network namespace, where nothing counts them."""
    for name, sizes in _BUFFERS.items():
        libc.write_setting(f"/proc/sys/net/ipv4/{name}", sizes)


def loopback_up() -> None:
    """Bring up the loopback, so that 127.0.0.1 works; needs CAP_NET_ADMIN."""
    request = struct.pack("16sH22x", b"lo", _IFF_UP | _IFF_RUNNING)  # struct ifreq
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        fcntl.ioctl(control.fileno(), _SIOCSIFFLAGS, request)
