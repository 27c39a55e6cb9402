"""A table of addresses that are not on the public internet, each with its source.

It has the IANA registries of special-purpose addresses for IPv4 and IPv6, and addresses that
clouds use. Python's `ipaddress` has such a table too, but it classifies some ranges differently
from one release to the next, and it does not know the addresses of clouds.
"""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import NamedTuple

THIS_MACHINE = "an address of this machine"
LINK_LOCAL = "a link-local address"
MULTICAST = "a multicast address"
PRIVATE = "a private address"
RESERVED = "a reserved address"
METADATA = "the address of a cloud's metadata service"


class SpecialRange(NamedTuple):
    """A range of addresses, its kind, and the source that says so."""

    network: IPv4Network | IPv6Network
    kind: str
    source: str


def _table(*rows: tuple[str, str, str]) -> tuple[SpecialRange, ...]:
    return tuple(SpecialRange(ip_network(text), kind, source) for text, kind, source in rows)


METADATA_SERVICES = _table(
    # They hand out credentials of the machine, or of its operator, to any program that runs on it.
    ("169.254.169.254/32", METADATA, "AWS, Azure, Google Cloud, Oracle, DigitalOcean, OpenStack"),
    ("169.254.170.2/32", METADATA, "AWS: credentials of ECS tasks"),
    ("169.254.170.23/32", METADATA, "AWS: EKS Pod Identity"),
    ("169.254.0.23/32", METADATA, "Tencent Cloud: metadata.tencentyun.com"),
    ("168.63.129.16/32", METADATA, "Azure: WireServer, although the address looks public"),
    ("192.0.0.192/32", METADATA, "Oracle Cloud Classic"),
    ("100.100.100.200/32", METADATA, "Alibaba Cloud"),
    ("fd00:ec2::254/128", METADATA, "AWS: metadata over IPv6"),
    ("fd00:ec2::23/128", METADATA, "AWS: EKS Pod Identity over IPv6"),
    ("fd20:ce::254/128", METADATA, "Google Cloud: metadata over IPv6"),
    ("fd00:42::42/128", METADATA, "Scaleway: metadata over IPv6"),
    ("169.254.42.42/32", METADATA, "Scaleway"),
)

METADATA_HOSTS = frozenset(
    {
        "metadata",  # Google Cloud, by the search list
        "metadata.google.internal",
        "metadata.goog",
        "metadata.azure.internal",
        "metadata.tencentyun.com",
        "instance-data",  # AWS, by the search list
        "instance-data.ec2.internal",
    }
)
"""Names of metadata services: a proxy on the way might resolve one to another address."""

IANA_IPV4 = _table(
    ("0.0.0.0/8", THIS_MACHINE, "RFC 791, 3.2: this network"),
    ("10.0.0.0/8", PRIVATE, "RFC 1918"),
    ("100.64.0.0/10", PRIVATE, "RFC 6598: shared by customers of a carrier"),
    ("127.0.0.0/8", THIS_MACHINE, "RFC 1122, 3.2.1.3: loopback"),
    ("169.254.0.0/16", LINK_LOCAL, "RFC 3927"),
    ("172.16.0.0/12", PRIVATE, "RFC 1918"),
    # The registry lists its anycast addresses for PCP and TURN as public, but they lead to the
    # router of the local network.
    ("192.0.0.0/24", PRIVATE, "RFC 6890: IETF protocol assignments"),
    ("192.0.2.0/24", RESERVED, "RFC 5737: documentation"),
    ("192.88.99.0/24", RESERVED, "RFC 7526: 6to4 relays, deprecated"),
    ("192.168.0.0/16", PRIVATE, "RFC 1918"),
    ("198.18.0.0/15", PRIVATE, "RFC 2544: benchmarking"),
    ("198.51.100.0/24", RESERVED, "RFC 5737: documentation"),
    ("203.0.113.0/24", RESERVED, "RFC 5737: documentation"),
    ("224.0.0.0/4", MULTICAST, "RFC 5771"),
    ("240.0.0.0/4", RESERVED, "RFC 1112, 4, and RFC 919 for 255.255.255.255"),
)

IANA_IPV6 = _table(
    ("::1/128", THIS_MACHINE, "RFC 4291: loopback"),
    ("::/128", THIS_MACHINE, "RFC 4291: unspecified"),
    ("64:ff9b:1::/48", PRIVATE, "RFC 8215: NAT64 prefixes of the local network"),
    ("100::/64", RESERVED, "RFC 6666: discarded"),
    ("100:0:0:1::/64", RESERVED, "RFC 9780: dummy prefix"),
    # The whole block: Teredo, benchmarking, ORCHID, DRIP, and anycast as in 192.0.0.0/24.
    ("2001::/23", RESERVED, "RFC 2928: IETF protocol assignments"),
    ("2001:db8::/32", RESERVED, "RFC 3849: documentation"),
    ("3fff::/20", RESERVED, "RFC 9637: documentation"),
    ("5f00::/16", RESERVED, "RFC 9602: SRv6 identifiers"),
    ("fc00::/7", PRIVATE, "RFC 4193"),
    ("fe80::/10", LINK_LOCAL, "RFC 4291"),
    ("fec0::/10", PRIVATE, "RFC 3879: site-local, deprecated"),
    ("ff00::/8", MULTICAST, "RFC 4291"),
)

GLOBAL_UNICAST = IPv6Network("2000::/3")
"""The block that IANA allocates from; addresses outside are unassigned (RFC 4291, 2.4)."""
