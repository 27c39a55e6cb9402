"""Which addresses are the public internet's, and which are somebody's own."""

from __future__ import annotations

import socket
from ipaddress import IPv4Address, IPv6Address, IPv6Network
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bellglass.sandboxes.network.names import Address

_UNICAST = IPv6Network("2000::/3")  # all that is given out so far (RFC 4291, IANA)
_NAT64 = IPv6Network("64:ff9b::/96")  # RFC 6052
_COMPATIBLE = IPv6Network("::/96")  # RFC 4291, of old


def inner(address: Address) -> Address:
    """Return the address of IPv4 that one of IPv6 stands for, if it does."""
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return address.ipv4_mapped
        if address.sixtofour is not None:
            return address.sixtofour
        if address in _NAT64 or (address in _COMPATIBLE and int(address) > 0xFFFF):
            return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address


def why_not_public(address: Address) -> str | None:
    """Return what is against connecting to `address` for anybody's sake, or None."""
    meant = inner(address)
    if meant.is_loopback or meant.is_unspecified:
        return "an address of this machine"
    if meant.is_link_local:
        return "a link-local address"
    if meant.is_multicast:
        return "a multicast address"
    if not meant.is_global or (isinstance(meant, IPv6Address) and meant not in _UNICAST):
        return "a private address"
    if is_own(meant):
        return "an address of this machine"
    return None


def never(address: Address) -> bool:
    """Whether no name may lead there, though the operator trusts the name.

    The metadata of cloud machines is at a link-local address, and holds their keys.
    """
    meant = inner(address)
    return meant.is_link_local or meant.is_multicast or meant.is_unspecified


def is_own(address: Address) -> bool:
    """Whether the address is one of this machine's interfaces. Nothing is sent."""
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            # The kernel takes the destination itself as the source only where it is its own.
            probe.connect((str(address), 9))
            return str(probe.getsockname()[0]) == str(address)
    except OSError:
        return False  # no way there: then none for a session either
