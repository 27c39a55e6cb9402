"""Parse and normalize host names and addresses, so that the rules see one spelling of each."""

from __future__ import annotations

import ipaddress
import re
import socket
import unicodedata
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address

Address = IPv4Address | IPv6Address

_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
_NUMBER = re.compile(r"[0-9]+|0[xX][0-9a-fA-F]*")
_MAX_HOST_CHARACTERS = 253


class InvalidHost(ValueError):
    """The text does not name a host; the message says why."""


@dataclass(frozen=True, slots=True)
class Target:
    """The host and port that a connection is requested to."""

    host: str
    """A name in lower-case ASCII, or an address in the canonical form of its family."""
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def address(self) -> Address | None:
        """The host, if it is an address."""
        try:
            return ipaddress.ip_address(self.host)
        except ValueError:
            return None


def parsed(authority: str, default_port: int | None = None) -> Target:
    """Parse `host`, `host:port` or `[address]:port`.

    Raises:
        InvalidHost: It cannot be parsed, or parsers would disagree about it.
    """
    host, port = authority, ""
    if authority.startswith("["):
        host, bracket, rest = authority[1:].partition("]")
        if not bracket or (rest and not rest.startswith(":")) or ":" not in host:
            raise InvalidHost("brackets are for IPv6 addresses only")
        port = rest[1:]
        if rest == ":":
            raise InvalidHost("the port is missing")
    elif authority.count(":") == 1:
        host, _, port = authority.partition(":")
        if not port:
            raise InvalidHost("the port is missing")
    if port:
        if not (port.isascii() and port.isdigit() and len(port) <= 5 and 0 < int(port) < 65_536):
            raise InvalidHost("the port is not a number from 1 to 65535")
        return Target(normalized(host), int(port))
    if default_port is None:
        raise InvalidHost("the port is missing")
    return Target(normalized(host), default_port)


def normalized(host: str) -> str:
    """Return the canonical spelling of a name or address.

    Raises:
        InvalidHost: It is neither.
    """
    if not host or len(host) > _MAX_HOST_CHARACTERS + 1:
        raise InvalidHost("the host is missing or too long")
    if ":" in host:
        try:
            return str(IPv6Address(host)) if "%" not in host else _no_zone()
        except ValueError:
            raise InvalidHost("this is not an IPv6 address") from None
    if not host.isascii():
        host = _ascii(host)
    host = host.lower().removesuffix(".")
    labels = host.split(".")
    if _NUMBER.fullmatch(labels[-1]):
        # The C library accepts these forms too: 127.1, 0x7f.1, 2130706433, 0177.0.0.1.
        if len(labels) > 4 or not all(_NUMBER.fullmatch(label) for label in labels):
            raise InvalidHost("this is neither a name nor an address")
        try:
            return str(IPv4Address(socket.inet_aton(host)))
        except OSError:
            raise InvalidHost("this is not an IPv4 address") from None
    if len(host) > _MAX_HOST_CHARACTERS or not all(_LABEL.fullmatch(label) for label in labels):
        raise InvalidHost("this is not a host name")
    return host


def _no_zone() -> str:
    raise InvalidHost("an IPv6 zone is not allowed here")


def _ascii(host: str) -> str:
    import idna

    try:
        # NFKC first: fullwidth digits and dots would hide an address.
        plain = unicodedata.normalize("NFKC", host).replace("\u3002", ".")
        return plain if plain.isascii() else idna.encode(plain, uts46=True).decode()
    except (idna.IDNAError, UnicodeError):
        raise InvalidHost("this is not an internationalized host name") from None
