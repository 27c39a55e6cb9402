"""Where an engine is reached, and as whom."""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from bellglass.sandboxes.errors import SandboxUnavailable

if TYPE_CHECKING:
    from collections.abc import Mapping

CLOUD = "e2b.app"
"""The domain of E2B's own cloud."""

TEMPLATE = "code-interpreter-v1"
"""E2B's public template with Python, numpy, pandas and matplotlib."""

_KEY = re.compile(r"[!-~]{1,1000}")
_HEADER = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+): ?([ -~]*)")


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """An engine, an account on it, and the template that sessions start from."""

    key: str = field(repr=False)
    domain: str = CLOUD
    api_url: str | None = None
    sandbox_url: str | None = None
    template: str = TEMPLATE
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        if not _KEY.fullmatch(self.key):
            raise _unusable("the API key is not one line of printable characters.")
        if not re.fullmatch(r"[A-Za-z0-9.-]+(:[0-9]+)?", self.domain):
            raise _unusable("BELLGLASS_E2B_DOMAIN is not a host name.")
        for name, url in (("API", self.api_url), ("SANDBOX", self.sandbox_url)):
            if url is not None:
                parts = urlsplit(url)
                if parts.scheme not in ("http", "https") or not parts.hostname:
                    raise _unusable(f"BELLGLASS_E2B_{name}_URL is not an http or https URL.")

    @property
    def secrets(self) -> tuple[str, ...]:
        """What no text may show."""
        return (self.key, *self.headers.values())

    @property
    def api(self) -> str:
        """The URL of the control plane."""
        return self.api_url or f"https://api.{self.domain}"

    @property
    def sandboxes(self) -> str:
        """How sandboxes are reached, for a person."""
        return self.sandbox_url or f"https://SANDBOX.{self.domain}"

    def client(self) -> Any:
        """Return the SDK's sandbox class, bound to this endpoint."""
        return self._bound().AsyncSandbox

    def templates(self) -> Any:
        """Return the SDK's class that builds templates, bound to this endpoint."""
        return self._bound().AsyncTemplate

    def _bound(self) -> Any:
        """Return the SDK's client.

        Every value that the SDK would otherwise take from the environment is given: what it does
        not get from here it must not get from elsewhere, but for an HTTP proxy.
        """
        from e2b_code_interpreter import E2B

        return E2B(
            **http_1_1(),
            api_key=self.key,
            domain=self.domain,
            api_url=self.api,
            sandbox_url=self.sandbox_url,
            api_headers=dict(self.headers),
            debug=False,
        )

    def serves(self, domain: str | None) -> bool:
        """Tell if a sandbox at `domain` is at this endpoint: nothing is sent to another host."""
        if self.sandbox_url is not None or not domain:
            return True
        ours = {self.domain}
        if self.domain == CLOUD:
            with contextlib.suppress(ImportError):  # it is no public name
                from e2b.sandbox_domains import SUPPORTED_SANDBOX_DOMAINS

                ours.update(SUPPORTED_SANDBOX_DOMAINS)
        return domain in ours or domain.endswith(f".{self.domain}")


def http_1_1() -> dict[str, Any]:
    """Return the options that have the SDK speak HTTP/1.1, also to engines that offer HTTP/2.

    One connection of HTTP/2 carries many sessions: when it dies in silence, they all stand still
    until the transport notices, after half a minute; or never, if somebody on the way still
    acknowledges what is sent.
    """
    from e2b.connection_config import ApiParams

    if "http_version" in ApiParams.__annotations__:
        return {"http_version": "1.1"}
    # Versions before 2.60 have no such option: their transports get it where they are made.
    from e2b.api import client_async
    from pyqwest import HTTPTransport, HTTPVersion

    def transport(**options: Any) -> HTTPTransport:
        return HTTPTransport(**{**options, "http_version": HTTPVersion.HTTP1})

    vars(client_async)["HTTPTransport"] = transport
    return {}


def parsed_headers(text: str) -> dict[str, str]:
    """Return the headers in `NAME: VALUE, NAME: VALUE`.

    Raises:
        SandboxUnavailable: It is not of that form. The text is not shown: it may hold a secret.
    """
    headers = {}
    for part in filter(None, map(str.strip, text.split(","))):
        match = _HEADER.fullmatch(part)
        if match is None:
            raise _unusable("BELLGLASS_E2B_HEADERS is not of the form `NAME: VALUE, NAME: VALUE`.")
        headers[match[1]] = match[2]
    return headers


def _unusable(reason: str) -> SandboxUnavailable:
    return SandboxUnavailable("e2b", reason)
