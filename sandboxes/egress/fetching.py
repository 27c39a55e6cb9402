"""Fetch pages and files of a package index, from addresses that the rules allow."""

from __future__ import annotations

import base64
import ssl
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urljoin, urlsplit

import httpcore2

from bellglass.sandboxes.egress.names import InvalidHost, Target, normalized
from bellglass.sandboxes.egress.rules import Refused

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterable

    from bellglass.sandboxes.egress.names import Address
    from bellglass.sandboxes.egress.rules import Rules

MAX_REDIRECTS = 5
TIMEOUTS = {"connect": 15.0, "read": 60.0, "write": 60.0, "pool": 60.0}
PORTS = {"http": 80, "https": 443}

MAX_PAGE_CONNECTIONS = 16  # to all hosts, for all sessions together
MAX_FILE_CONNECTIONS = 64  # separate: a file waits for the program that reads it


class Failed(Exception):
    """The index, or a host that it names, did not deliver what was requested."""

    def __init__(self, reason: str, *, missing: bool = False) -> None:
        """`missing`: the project or file does not exist; nothing else went wrong."""
        super().__init__(reason)
        self.missing = missing


class Fetcher:
    """Fetches URLs. The operator's index may have any address; other hosts only public ones."""

    def __init__(self, rules: Rules, index: str, *others: str) -> None:
        """`index`: its URL; a user and password in it are sent to that host and nowhere else.

        `others`: URLs of further hosts that this index serves its files from.
        """
        parts = urlsplit(index)
        self._rules = rules
        self._index = target_of(index)
        self._trusted = {self._index, *map(target_of, others)}
        self._scheme = parts.scheme
        self._authorization = b""
        if parts.username is not None:
            given = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
            self._authorization = b"Basic " + base64.b64encode(given.encode())
        self._pools: dict[int, httpcore2.AsyncConnectionPool] = {}

    @asynccontextmanager
    async def get(
        self, url: str, accept: str, max_connections: int
    ) -> AsyncGenerator[tuple[str, httpcore2.Response]]:
        """Yield the final URL after redirects, and its successful response.

        `max_connections`: size of the pool; requests with the same number share a pool.

        Raises:
            Failed: There is no successful response.
            Refused: The rules do not allow the host.
        """
        for _ in range(MAX_REDIRECTS):
            target = self._target(url)
            headers = [(b"Accept", accept.encode()), (b"Accept-Encoding", b"identity")]
            headers.append((b"User-Agent", b"bellglass"))
            if self._authorization and target == self._index:
                headers.append((b"Authorization", self._authorization))
            try:
                async with self._pool(max_connections).stream(
                    "GET", _bare(url), headers=headers, extensions={"timeout": TIMEOUTS}
                ) as response:
                    location = header(response, b"location")
                    if response.status == 200:
                        yield url, response
                        return
                    if response.status not in (301, 302, 303, 307, 308) or not location:
                        missing = response.status in (404, 410)
                        reason = f"{target.host} answered with status {response.status}"
                        raise Failed(reason, missing=missing)
            except (httpcore2.NetworkError, httpcore2.TimeoutException) as exc:
                raise Failed(f"{target.host} cannot be reached ({type(exc).__name__})") from exc
            except (httpcore2.ProtocolError, httpcore2.UnsupportedProtocol) as exc:
                raise Failed(f"{target.host} does not answer in valid HTTP") from exc
            url = urljoin(url, location)
        raise Failed("there are too many redirects")

    def target(self, url: str) -> Target:
        """Return the host and port of a URL, for the request log."""
        return target_of(url)

    def _target(self, url: str) -> Target:
        target = target_of(url)
        if self._scheme == "https" and urlsplit(url).scheme != "https":
            raise Refused("the index redirects to it without encryption")
        return target

    async def allowed_addresses(self, target: Target) -> list[Address]:
        """Return the addresses to connect to."""
        if target in self._trusted:
            return await self._rules.resolve(target)
        return await self._rules.addresses(target, self._rules.entry(target))

    def _pool(self, max_connections: int) -> httpcore2.AsyncConnectionPool:
        if max_connections not in self._pools:
            self._pools[max_connections] = httpcore2.AsyncConnectionPool(
                ssl_context=ssl.create_default_context(),
                max_connections=max_connections,
                keepalive_expiry=30,
                network_backend=_CheckedBackend(self),
            )
        return self._pools[max_connections]

    async def aclose(self) -> None:
        for pool in self._pools.values():
            await pool.aclose()


class _CheckedBackend(httpcore2.AnyIOBackend):
    """Connects to addresses that the rules allow; TLS then verifies the name."""

    def __init__(self, fetcher: Fetcher) -> None:
        self._fetcher = fetcher

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        failure: Exception = httpcore2.ConnectError("no address")
        for address in await self._fetcher.allowed_addresses(Target(normalized(host), port)):
            try:
                return await super().connect_tcp(
                    str(address), port, timeout, local_address, socket_options
                )
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as exc:
                failure = exc
        raise failure


def target_of(url: str) -> Target:
    """Return the host and port of a URL.

    Raises:
        Failed: It is not an http or https URL.
    """
    try:
        parts = urlsplit(url)
        if parts.scheme not in PORTS or not parts.hostname:
            raise Failed("the index names a URL that is neither http nor https")
        return Target(normalized(parts.hostname), parts.port or PORTS[parts.scheme])
    except (InvalidHost, ValueError) as exc:
        raise Failed(f"the index names a URL that cannot be read ({exc})") from exc


def header(response: httpcore2.Response, name: bytes) -> str:
    values = [value for key, value in response.headers if key.lower() == name]
    return values[0].decode("latin-1") if values else ""


def _bare(url: str) -> str:
    """Return the URL without user, password and fragment."""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], fragment="").geturl()
