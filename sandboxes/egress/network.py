"""The network access that an operator allows the sessions of a server, as one object."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bellglass.sandboxes.egress.multiplexer import Multiplexer
from bellglass.sandboxes.egress.proxy import Proxy
from bellglass.sandboxes.egress.quota import MAX_FILES_AT_ONCE

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from contextlib import AbstractAsyncContextManager

    from bellglass.sandboxes.egress.index import Index
    from bellglass.sandboxes.egress.rules import Rules
    from bellglass.sandboxes.wire.schema.requests import NetRequest, OpenNetwork

PORT = 3128
"""Port on the loopback of each sandbox where its programs find the proxy and the index."""

_LOCAL = "localhost,127.0.0.1,::1"


class Network:
    """Serves the connections of all sandboxes by the same rules."""

    def __init__(self, rules: Rules, index: Index | None = None) -> None:
        """`index`: the packages that sessions may install; None if they may install none."""
        self.rules = rules
        self.index = index
        self._proxy = Proxy(rules, PORT, index)

    def opening(self) -> OpenNetwork:
        """Return the frame that makes the supervisor open its relay."""
        return {"op": "network", "port": PORT, "environment": self._environment()}

    def serving(
        self, send: Callable[[NetRequest], Awaitable[None]]
    ) -> AbstractAsyncContextManager[Multiplexer]:
        """Serve one sandbox while the context is open; `send` sends frames to it."""
        return Multiplexer.open(self._proxy.serve, send)

    def _environment(self) -> dict[str, str]:
        """Return variables that make programs use the proxy, and pip and uv the index."""
        proxy = f"http://127.0.0.1:{PORT}"
        both = {"HTTP_PROXY": proxy, "HTTPS_PROXY": proxy, "NO_PROXY": _LOCAL}
        variables = {**both, **{name.lower(): value for name, value in both.items()}}
        if self.rules.mode in ("allow-list", "open"):
            # Packages are larger than /tmp.
            variables.update({"npm_config_offline": "false", "npm_config_cache": "/work/.npm"})
        if self.index is None:
            return variables
        return {
            **variables,
            "PIP_INDEX_URL": f"{proxy}/simple/",
            "UV_DEFAULT_INDEX": f"{proxy}/simple/",
            # The server caches what was fetched, and the session's disk is small.
            "PIP_NO_CACHE_DIR": "1",
            "UV_NO_CACHE": "1",
            "UV_LINK_MODE": "copy",
            "UV_CONCURRENT_DOWNLOADS": str(MAX_FILES_AT_ONCE),
            "PIP_NO_COMPILE": "1",
            "PIP_NO_INPUT": "1",
            "PIP_PROGRESS_BAR": "off",
            "PIP_DEFAULT_TIMEOUT": "100",
        }

    async def aclose(self) -> None:
        """Close the connections to the index."""
        if self.index is not None:
            await self.index.aclose()
