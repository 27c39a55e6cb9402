"""Connect to a bellglass server: to a new one on stdio, or to one at a URL."""

from __future__ import annotations

import os
import sys
import tempfile
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from bellglass.agent.errors import ServerUnavailable

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping

    from mcp import Client

_PASSED_ON = ("BELLGLASS_", "DOCKER_", "E2B_", "XDG_", "LC_")
_PASSED_BY_NAME = ("LANG", "TMPDIR", "TZ", "SSL_CERT_FILE", "SSL_CERT_DIR")
"""Variables that are passed to the server. The API keys of models are not among them."""

OURS = frozenset({"execute_python", "validate_code", "run_tests", "write_file", "close_session"})


@asynccontextmanager
async def connected(
    url: str | None = None,
    *,
    token: str | None = None,
    settings: Mapping[str, str] | None = None,
    environ: Mapping[str, str] = os.environ,
) -> AsyncGenerator[Client]:
    """Connect to the server at `url`, or start one on stdio with these `settings`.

    `settings` are BELLGLASS_ variables, which override those of `environ`. The log of a server that
    is started here is shown only if it does not start.

    Raises:
        ServerUnavailable: No server answers, or it is not bellglass.
    """
    from mcp.shared.exceptions import MCPError

    if url is not None:
        async with _over_http(url, token) as client:
            yield client
        return
    from mcp import Client, StdioServerParameters
    from mcp.client.stdio import stdio_client

    with tempfile.TemporaryFile("w+") as log:
        parameters = StdioServerParameters(
            command=sys.executable,
            args=["-P", "-m", "bellglass.server.cli"],
            # Nobody comes back to its sessions, so they end with it.
            env={
                "BELLGLASS_DETACHED_SECONDS": "0",
                "BELLGLASS_STORE": "",
                **_passed_on(environ),
                "BELLGLASS_TOOLS": "files,sessions",  # those of OURS that are not always listed
                **(settings or {}),
            },
        )
        client = Client(stdio_client(parameters, errlog=log))
        try:
            await client.__aenter__()
        except (MCPError, OSError, ExceptionGroup) as exc:
            log.seek(0)
            said = log.read(2_000).strip() or str(exc)
            raise ServerUnavailable(f"The server did not start. It said: {said}") from exc
        try:
            await _must_be_ours(client)
            yield client
        finally:
            await client.__aexit__(None, None, None)


@asynccontextmanager
async def _over_http(url: str, token: str | None) -> AsyncGenerator[Client]:
    import httpx2
    from mcp import Client
    from mcp.client.streamable_http import streamable_http_client
    from mcp.shared.exceptions import MCPError

    headers = {"authorization": f"Bearer {token}"} if token else {}
    async with httpx2.AsyncClient(headers=headers, timeout=httpx2.Timeout(30, read=330)) as http:
        client = Client(streamable_http_client(url, http_client=http))
        try:
            await client.__aenter__()
        except (MCPError, httpx2.HTTPError, OSError, ExceptionGroup) as exc:
            raise ServerUnavailable(_no_answer(url, exc)) from exc
        try:
            await _must_be_ours(client)
            yield client
        finally:
            await client.__aexit__(None, None, None)


def _no_answer(url: str, failure: BaseException) -> str:
    cause = failure
    while isinstance(cause, BaseExceptionGroup):
        cause = cause.exceptions[0]
    text = f"No bellglass server answers at {url} ({type(cause).__name__}: {str(cause)[:200]})."
    return f"{text} The URL ends in /mcp; a token is read from BELLGLASS_HTTP_TOKEN."


async def _must_be_ours(client: Client) -> None:
    names = {tool.name for tool in (await client.list_tools()).tools}
    if missing := OURS - names:
        raise ServerUnavailable(
            f"The server has no {', '.join(sorted(missing))}: it is not bellglass, an old "
            "one, or one whose BELLGLASS_TOOLS leaves out files or sessions."
        )


def _passed_on(environ: Mapping[str, str]) -> dict[str, str]:
    kept = {
        name: value
        for name, value in environ.items()
        if name.startswith(_PASSED_ON) or name in _PASSED_BY_NAME
    }
    kept.pop("BELLGLASS_HTTP", None)  # the server that we start uses stdio
    return kept
