"""Who calls, as the transport tells: for fairness between callers, not for what they may do."""

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
    """Let `current_caller` return `caller` for as long as the context is open."""
    token = _current.set(caller)
    try:
        yield
    finally:
        _current.reset(token)


def current_caller() -> Caller | None:
    """Return who made the call that this task works on; None on stdio, where all are one."""
    return _current.get()


def caller_of_request(request: HTTPConnection, connection: str | None = None) -> Caller:
    """Return who made a request over HTTP: on a legacy `connection`, or on its TCP connection."""
    host, port = request.client or ("", 0)
    return Caller(connection or f"{host}:{port}", host)


def owner_of_request() -> str | None:
    """Return the principal of a request over HTTP that is no call, as the SDK keeps it."""
    # Of its argument it makes no use.
    return authenticated_principal(cast("Any", None))
