"""Resolve the session that a call works in.

A call with a session_id gets that session. Otherwise, in the protocol of 2026 a connection is not a
conversation, so the call gets a new session, which its result names; in the older protocol it gets
the session of its connection.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio
from mcp.server.mcpserver import authenticated_principal
from mcp.server.mcpserver.exceptions import ToolError

from bellglass.sandboxes.errors import SessionNotFound
from bellglass.tools.callers import current_caller

if TYPE_CHECKING:
    from mcp.server.connection import Connection
    from mcp.server.mcpserver import Context

    from bellglass.sandboxes.sessions.session import Session
    from bellglass.tools.context import Request, ToolContext

FIRST_MODERN_VERSION = "2026-07-28"

_DEFAULT = "bellglass.session"
_OPENED = "bellglass.opened"
_LOCK = "bellglass.lock"


async def session_for(ctx: Context[ToolContext], session_id: str | None) -> Session:
    """Return the session that this call works in.

    Raises:
        SessionNotFound: No session of the caller has that id.
    """
    request = ctx.request_context
    context = request.lifespan_context
    owner = owner_of(request)
    if session_id is not None:
        return await context.sessions.find(session_id, owner, current_caller())
    connection = legacy_connection(request)
    if connection is None:
        return await context.sessions.open(owner, current_caller(), of_one_call=True)
    if context.explicit_sessions:
        session = await context.sessions.open(owner, current_caller())
        _opened(connection).add(session.id)
        return session
    # Two concurrent first calls must get the same session.
    async with connection.state.setdefault(_LOCK, anyio.Lock()):
        return await _session_of_connection(context, connection, owner)


async def known_session_for(ctx: Context[ToolContext], session_id: str | None) -> Session:
    """Return the session that this call works in, but only if it has run something before.

    Raises:
        SessionNotFound: No session of the caller has that id.
        ToolError: The call names no session, and its connection has none.
    """
    request = ctx.request_context
    connection = legacy_connection(request)
    if session_id is None:
        known = connection.state.get(_DEFAULT) if connection is not None else None
        if known is None:
            raise ToolError(
                "Pass the session_id that an earlier result named: files are a session's."
            )
        return request.lifespan_context.sessions.get(known, owner_of(request))
    return await session_for(ctx, session_id)


async def new_session_for(ctx: Context[ToolContext]) -> Session:
    """Start a session for the caller, which ends if this call is cancelled."""
    request = ctx.request_context
    sessions = request.lifespan_context.sessions
    session = await sessions.open(owner_of(request), current_caller(), of_one_call=True)
    if connection := legacy_connection(request):
        _opened(connection).add(session.id)
    return session


def owner_of(request: Request) -> str | None:
    """Return the owner that the call acts for, or None if the transport does not tell."""
    return authenticated_principal(request)


def sessions_of(ctx: Context[ToolContext]) -> list[Session]:
    """Return the sessions that the caller may know of.

    Without authentication all callers over HTTP are alike to us, and an id suffices to use a
    session: such a caller sees only the sessions that its own connection opened.
    """
    request = ctx.request_context
    sessions = request.lifespan_context.sessions.list(owner_of(request))
    if not is_anonymous(ctx):
        return sessions
    connection = legacy_connection(request)
    opened = _opened(connection) if connection else set()
    return [session for session in sessions if session.id in opened]


def is_anonymous(ctx: Context[ToolContext]) -> bool:
    """Tell whether the caller is one of several that we cannot distinguish."""
    return owner_of(ctx.request_context) is None and ctx.headers is not None


def legacy_connection(request: Request) -> Connection | None:
    """Return the connection of a legacy call.

    A modern request has a connection of its own, which ends with it, so nothing may be attached to
    it. mcp 2.3 has no public way to the connection; a test fails if this one disappears.
    """
    if request.protocol_version >= FIRST_MODERN_VERSION:
        return None
    connection: Connection = request.session._connection
    return connection


def _opened(connection: Connection) -> set[str]:
    opened: set[str] = connection.state.setdefault(_OPENED, set())
    return opened


async def _session_of_connection(
    context: ToolContext, connection: Connection, owner: str | None
) -> Session:
    known = connection.state.get(_DEFAULT)
    ended = None
    if known is not None:
        try:
            return context.sessions.get(known, owner)
        except SessionNotFound as exc:
            ended = exc.reason  # the connection gets a new one, which says so
    else:
        connection.exit_stack.callback(_release, context, connection, owner)
    session = await context.sessions.open(owner, current_caller(), of_connection=True)
    if ended is not None:
        session.replaces = ended
    connection.state[_DEFAULT] = session.id
    _opened(connection).add(session.id)
    return session


def _release(context: ToolContext, connection: Connection, owner: str | None) -> None:
    if session_id := connection.state.get(_DEFAULT):
        context.tasks.start_soon(_close_after_grace, context, session_id, owner)


async def _close_after_grace(context: ToolContext, session_id: str, owner: str | None) -> None:
    """Close the session of an ended connection, unless a client goes on with it by its id.

    Some clients open a connection for each call.
    """
    try:
        session = context.sessions.get(session_id, owner)
        calls = session.calls
        await anyio.sleep(context.grace_seconds)
        while session.runs.live:
            await session.runs.live[0].outcome(end=True)
            await anyio.sleep(context.grace_seconds)
        if session.calls == calls and not session.busy:
            await context.sessions.rest(session_id, owner, "its connection had ended")
    except SessionNotFound:
        return
