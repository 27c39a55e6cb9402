"""The caller of a request, from its transport: for fairness, not for permissions."""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, cast

from mcp.server.mcpserver import authenticated_principal

from bellglass.sandboxes.sessions.callers import Caller

if TYPE_CHECKING:
    from collections.abc import Generator

    from starlette.requests import HTTPConnection

_current: ContextVar[Caller | None] = ContextVar("caller", default=None)


@contextmanager
def calling(caller: Caller | None) -> Generator[None]:
    """Have `current_caller` return `caller` while the context is open."""
    token = _current.set(caller)
    try:
        yield
    finally:
        _current.reset(token)


def current_caller() -> Caller | None:
    """Return the caller of this task's call; None on stdio, where there is only one."""
    return _current.get()


def caller_of_request(request: HTTPConnection, connection: str | None = None) -> Caller:
    """Return the caller of an HTTP request: of a legacy `connection`, or of its TCP connection."""
    host, port = request.client or ("", 0)
    return Caller(connection or f"{host}:{port}", host)


def owner_of_request() -> str | None:
    """Return the principal of an HTTP request that is no call, as the SDK stores it."""
    # The SDK ignores its argument.
    return authenticated_principal(cast("Any", None))
