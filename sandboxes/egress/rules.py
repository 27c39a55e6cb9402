"""Decide where a session may connect to, first by name, then by every address of that name."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import anyio
from anyio import to_thread

from bellglass.sandboxes.egress.addresses import why_never, why_not_public
from bellglass.sandboxes.egress.names import Address, InvalidHost, Target, normalized, parsed
from bellglass.sandboxes.egress.special_addresses import METADATA_HOSTS

Mode = Literal["none", "packages", "allow-list", "open"]

Resolve = Callable[[str], Awaitable[Sequence[str]]]
"""Resolves a name to addresses, as text."""

USUAL_PORTS = (80, 443)
"""Ports that an entry without a port allows."""

RESOLVE_TIMEOUT_SECONDS = 10.0
_MAX_ADDRESSES = 16


class Refused(Exception):
    """A session may not connect there; the message tells the model and the operator why."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of the operator's allow-list."""

    host: str
    port: int | None
    below: bool
    """`*.example.org`: matches every name below example.org, and not that name itself."""

    @classmethod
    def parsed(cls, text: str) -> Entry:
        """Parse `name`, `*.name`, an address, or one of them with `:port`.

        Raises:
            InvalidHost: It is none of them.
        """
        below = text.startswith("*.")
        rest = text[2:] if below else text
        host, port = _split(rest)
        entry = cls(host, port, below)
        if below and (entry.address is not None or "." not in host):
            raise InvalidHost("a pattern is *. and a name of two labels or more")
        return entry

    @property
    def address(self) -> Address | None:
        try:
            return ipaddress.ip_address(self.host)
        except ValueError:
            return None

    @property
    def private(self) -> bool:
        """Whether the entry also allows private addresses: it names an address, or a port."""
        return self.address is not None or (self.port is not None and not self.below)

    def matches(self, target: Target) -> bool:
        if self.port != target.port and (self.port or target.port not in USUAL_PORTS):
            return False
        return target.host.endswith("." + self.host) if self.below else target.host == self.host


def _split(text: str) -> tuple[str, int | None]:
    if text.startswith("[") or text.count(":") == 1:
        if text.startswith("[") and text.endswith("]"):
            return parsed(text, 1).host, None
        target = parsed(text)
        return target.host, target.port
    return normalized(text), None


async def resolved(name: str) -> Sequence[str]:
    """Ask the system for the addresses of a name."""
    found = await to_thread.run_sync(
        lambda: socket.getaddrinfo(name, None, type=socket.SOCK_STREAM), abandon_on_cancel=True
    )
    return list(dict.fromkeys(str(each[4][0]) for each in found))


class Rules:
    """The operator's settings for network access."""

    def __init__(
        self, mode: Mode, hosts: Sequence[str] = (), *, resolve: Resolve = resolved
    ) -> None:
        """`hosts`: the allow-list. In mode `open` it adds private hosts to the public internet.

        Raises:
            InvalidHost: An entry cannot be parsed.
        """
        self.mode = mode
        self.entries = [Entry.parsed(host) for host in hosts]
        self._resolve = resolve

    def entry(self, target: Target) -> Entry | None:
        """Return the entry of the allow-list that matches `target`."""
        return next((entry for entry in self.entries if entry.matches(target)), None)

    async def allowed_addresses(self, target: Target) -> list[Address]:
        """Return the addresses to connect to, in order; no other address may be used.

        Raises:
            Refused: The target is not allowed.
        """
        entry = self.entry(target)
        if self.mode in ("none", "packages"):
            raise Refused("only packages are allowed" if self.mode == "packages" else "no network")
        if self.mode == "allow-list" and entry is None:
            raise Refused("not in the allow-list")
        return await self.addresses(target, entry)

    async def addresses(self, target: Target, entry: Entry | None = None) -> list[Address]:
        """Resolve once, and check every address: one refused address refuses the target."""
        if entry is None and target.host.rpartition(".")[2] == "localhost":
            raise Refused("a name of this machine")
        if target.host in METADATA_HOSTS:
            raise Refused("a name of a cloud's metadata service")
        literal = target.address
        found = await self.resolve(target)
        for address in found:
            if entry is not None and entry.private:
                reason = why_never(address) if entry.address is None else None
            else:
                reason = why_not_public(address)
            if reason:
                raise Refused(f"it {'is' if literal is not None else 'has'} {reason}")
        return found

    async def resolve(self, target: Target) -> list[Address]:
        """Return all addresses of a target, unchecked.

        Raises:
            Refused: There is no such host.
        """
        if target.address is not None:
            return [target.address]
        try:
            with anyio.fail_after(RESOLVE_TIMEOUT_SECONDS):
                texts = await self._resolve(target.host)
            found = [ipaddress.ip_address(text.partition("%")[0]) for text in texts]
        except (OSError, UnicodeError, ValueError):
            found = []
        if not found:
            raise Refused("there is no such host")
        return found[:_MAX_ADDRESSES]
