"""A client of a server's /files/, for `bellglass put` and `bellglass get`."""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import anyio
import click
import httpx2

from bellglass.server.control import client
from bellglass.server.failures import CommandError
from bellglass.server.http.tokens import token_of
from bellglass.server.settings import Settings
from bellglass.tools.call_limits import MAX_TIMEOUT_SECONDS

TRANSFER_PIECE_BYTES = 1 << 20

MAX_ATTEMPTS = 5
"""Tries without progress before a transfer fails."""

RETRY_DELAY_SECONDS = 1.0

TIMEOUT = httpx2.Timeout(10, read=MAX_TIMEOUT_SECONDS + 30, write=60)
"""The read timeout is longer than the longest call, for which a transfer waits."""


DEFAULT_URL = "http://127.0.0.1:8000"


class TransferError(CommandError):
    """The file was not transferred."""


class OutOfStep(TransferError):
    """The server has another part of the file than we expected."""


def gave_up(exc: Exception) -> TransferError:
    reason = str(exc).rstrip(".")
    return TransferError(
        f"the connection broke {MAX_ATTEMPTS} times ({reason}). "
        "Check that the server is running, and try again."
    )


def server_option(function: Callable[..., int]) -> Callable[..., int]:
    return click.option(
        "--url",
        help="URL of the server. By default the server on this machine that has the session, on "
        f"stdio, or else {DEFAULT_URL}.",
    )(function)


def is_local(session: str | None, url: str | None) -> bool:
    """Whether a server on stdio, of this user and on this machine, has the session."""

    async def look() -> bool:
        async with client.servers() as running:
            return any(listed.session_id == session for one in running for listed in one.sessions)

    return url is None and session is not None and anyio.run(look)


def connected(url: str | None, settings: Settings) -> httpx2.Client:
    url = url or DEFAULT_URL
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise TransferError(f"--url {url}: expected the server's, such as http://127.0.0.1:8000.")
    token = token_of(settings)
    headers = {"accept-encoding": "identity"}
    if token is not None:
        headers["authorization"] = f"Bearer {token}"
    base = f"{parts.scheme}://{parts.netloc}"
    return httpx2.Client(base_url=base, headers=headers, timeout=TIMEOUT)


def answer_of(response: httpx2.Response) -> dict[str, Any]:
    """Return the server's answer.

    Raises:
        TransferError: The server refused.
    """
    try:
        said = response.json()
    except ValueError:
        said = {}
    if not isinstance(said, dict):
        said = {}
    if response.is_error:
        text = said.get("error") or f"the server answered {response.status_code}"
        if response.status_code == 401:
            text += " Set BELLGLASS_HTTP_TOKEN_FILE (or BELLGLASS_HTTP_TOKEN) to the server's."
        raise OutOfStep(str(text)) if response.status_code == 409 else TransferError(str(text))
    return said


def reason(exc: Exception) -> str:
    if isinstance(exc, httpx2.ConnectError):
        return (
            f"no server answers there ({str(exc).rstrip('.')}). Start one with `bellglass --http "
            "127.0.0.1:8000`, or name yours with --url."
        )
    if isinstance(exc, httpx2.TransportError):
        why = str(exc).rstrip(".")
        return f"the server does not answer ({why}). Check that it is running, and try again."
    if isinstance(exc, OSError) and exc.strerror:
        return exc.strerror
    return str(exc)
