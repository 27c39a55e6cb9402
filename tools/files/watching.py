"""`resources/subscribe` and `resources/unsubscribe`, which only the older protocol has."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from mcp.shared.exceptions import MCPError
from mcp.shared.subscriptions import ResourceUpdated
from mcp.types import INVALID_PARAMS, EmptyResult

from bellglass.sandboxes.errors import SandboxError
from bellglass.tools.files.addresses import file_uri
from bellglass.tools.files.session_files import address_of
from bellglass.tools.sessions.session_resolver import legacy_connection

if TYPE_CHECKING:
    from collections.abc import Callable

    from anyio.abc import TaskGroup
    from mcp.server.context import ServerRequestContext
    from mcp.shared.subscriptions import ServerEvent
    from mcp.types import SubscribeRequestParams, UnsubscribeRequestParams

    from bellglass.tools.context import ToolContext

log = logging.getLogger(__name__)

MAX_WATCHED_FILES = 1_000
"""Files that one legacy connection may watch."""

_STATE = "bellglass.watched"


async def watch(
    ctx: ServerRequestContext[ToolContext, Any], params: SubscribeRequestParams
) -> EmptyResult:
    """Serve `resources/subscribe`, which only the older protocol has.

    Raises:
        MCPError: The URI is not that of a file in a session of the caller.
    """
    connection = legacy_connection(ctx)
    try:
        address = address_of(params.uri, ctx)
    except SandboxError as exc:
        raise MCPError(INVALID_PARAMS, str(exc)) from exc
    if connection is None or address is None:
        raise MCPError(INVALID_PARAMS, "Only files of a session can be watched.")
    watched: dict[str, Callable[[], None]] | None = connection.state.get(_STATE)
    if watched is None:
        watched = connection.state[_STATE] = {}
        connection.exit_stack.callback(_end_all, watched)
    if params.uri not in watched:
        if len(watched) >= MAX_WATCHED_FILES:
            raise MCPError(
                INVALID_PARAMS, f"A connection may watch {MAX_WATCHED_FILES:,} files at a time."
            )
        context = ctx.lifespan_context
        notify = _notifier(ctx, params.uri, file_uri(*address), context.tasks)
        watched[params.uri] = context.updates.subscribe(notify)
    return EmptyResult()


async def unwatch(
    ctx: ServerRequestContext[ToolContext, Any], params: UnsubscribeRequestParams
) -> EmptyResult:
    """Serve `resources/unsubscribe`."""
    connection = legacy_connection(ctx)
    watched = connection.state.get(_STATE, {}) if connection is not None else {}
    end = watched.pop(params.uri, None)
    if end is not None:
        end()
    return EmptyResult()


def _notifier(
    ctx: ServerRequestContext[ToolContext, Any], given: str, uri: str, tasks: TaskGroup
) -> Callable[[ServerEvent], None]:
    """Return a listener that notifies the client about one file, by the URI that it gave."""
    waiting = False

    async def send() -> None:
        nonlocal waiting
        try:
            await ctx.session.send_resource_updated(given)
        except Exception:
            log.debug("A client that watched a file is gone", exc_info=True)
        finally:
            waiting = False

    def notify(event: ServerEvent) -> None:
        nonlocal waiting
        # A notification that the client has not read yet covers this change too.
        if isinstance(event, ResourceUpdated) and event.uri == uri and not waiting:
            waiting = True
            tasks.start_soon(send)

    return notify


def _end_all(watched: dict[str, Callable[[], None]]) -> None:
    for end in watched.values():
        end()
