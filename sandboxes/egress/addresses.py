"""Tell addresses of the public internet from special-purpose and private ones."""

from __future__ import annotations

import socket
from ipaddress import IPv4Address, IPv6Address, IPv6Network
from typing import TYPE_CHECKING

from bellglass.sandboxes.egress.special_addresses import (
    GLOBAL_UNICAST,
    IANA_IPV4,
    IANA_IPV6,
    LINK_LOCAL,
    METADATA_SERVICES,
    MULTICAST,
    RESERVED,
    THIS_MACHINE,
)

if TYPE_CHECKING:
    from bellglass.sandboxes.egress.names import Address

_SPECIAL = (*METADATA_SERVICES, *IANA_IPV4, *IANA_IPV6)  # the first match decides

_MAPPED = IPv6Network("::ffff:0:0/96")  # RFC 4291, 2.5.5.2
_COMPATIBLE = IPv6Network("::/96")  # RFC 4291, 2.5.5.1, deprecated
_NAT64 = IPv6Network("64:ff9b::/96")  # RFC 6052
_NAT64_LOCAL = IPv6Network("64:ff9b:1::/48")  # RFC 8215
_6TO4 = IPv6Network("2002::/16")  # RFC 3056
_TEREDO = IPv6Network("2001::/32")  # RFC 4380
_IPV4_MASK = 0xFFFF_FFFF
_ISATAP = (0x0000_5EFE, 0x0200_5EFE)  # RFC 5214, 6.1: the first half of an interface identifier


def why_not_public(address: Address) -> str | None:
    """Return why no session may connect to `address` unless the operator names it, or None."""
    for meant in _meanings(address):
        if kind := _kind(meant):
            return kind
        if _is_own(meant):
            return THIS_MACHINE
    return None


def why_never(address: Address) -> str | None:
    """Return why no name may resolve to `address`, even one that the operator allows, or None.

    Metadata services of clouds hand out credentials of the machine.
    """
    for meant in _meanings(address):
        kind = _kind(meant)
        in_metadata = any(meant in service.network for service in METADATA_SERVICES)
        if kind is not None and (in_metadata or kind in (LINK_LOCAL, MULTICAST) or int(meant) == 0):
            return kind
    return None


def _meanings(address: Address) -> list[Address]:
    """Return the addresses that a connection to `address` may lead to.

    Some IPv6 addresses embed an IPv4 address, and a gateway or the kernel connects to that one. For
    others it depends on the network whether the IPv6 or the embedded address is reached.
    """
    if isinstance(address, IPv4Address):
        return [address]
    value = int(address)
    if address in _MAPPED or address in _NAT64:
        return [IPv4Address(value & _IPV4_MASK)]
    if address in _6TO4:
        return [IPv4Address(value >> 80 & _IPV4_MASK)]
    held: list[int] = []
    if address in _COMPATIBLE and value > 0xFFFF:
        held = [value & _IPV4_MASK]
    elif address in _TEREDO:  # the address of the server, and the inverted one of the client
        held = [value >> 64 & _IPV4_MASK, ~value & _IPV4_MASK]
    elif address in _NAT64_LOCAL:  # RFC 6052, 2.2: for prefixes of 48, 56, 64 and 96 bits
        low = value & (1 << 80) - 1
        without_u = (low >> 64 << 56) | (low & (1 << 56) - 1)  # bits 64 to 71 are reserved
        held = [without_u >> shift & _IPV4_MASK for shift in (40, 32, 24, 0)]
    elif value >> 32 & _IPV4_MASK in _ISATAP:
        held = [value & _IPV4_MASK]
    return [*(IPv4Address(one) for one in held if one), address]


def _kind(address: Address) -> str | None:
    """Return the kind of special address that `address` is, or None if it is public."""
    for special in _SPECIAL:
        if address in special.network:
            return special.kind
    outside = isinstance(address, IPv6Address) and address not in GLOBAL_UNICAST
    return RESERVED if outside else None


def _is_own(address: Address) -> bool:
    """Whether the address belongs to an interface of this machine. Nothing is sent."""
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            # The kernel chooses the destination as the source only if it is an address of its own.
            probe.connect((str(address), 9))
            return str(probe.getsockname()[0]) == str(address)
    except OSError:
        return False  # there is no route, so a session cannot reach it either
