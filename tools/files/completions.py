"""Completions for file URIs: the caller's sessions, and the paths in one of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio
from mcp.types import Completion

from bellglass.sandboxes.errors import SandboxError
from bellglass.sandboxes.files import read_part
from bellglass.tools.sessions.session_resolver import owner_of, sessions_of

if TYPE_CHECKING:
    from mcp.server.mcpserver import Context
    from mcp.types import CompleteRequestParams

    from bellglass.tools.context import ToolContext

MAX_VALUES = 100  # the protocol's limit

COMPLETION_TIMEOUT_SECONDS = 2
"""Short, because a person is typing."""


async def complete(ctx: Context[ToolContext], params: CompleteRequestParams) -> Completion:
    """Return completions for an argument of a template, or one of that name of a prompt."""
    given = params.argument.value
    match params.argument.name:
        case "session_id":
            names = [session.id for session in sessions_of(ctx)]
            return _of([name for name in names if name.startswith(given)])
        case "path" | "name":
            known = (params.context.arguments if params.context else None) or {}
            folder = "" if params.argument.name == "path" else "/tmp/"
            return await _paths(ctx, known.get("session_id", ""), folder, given)
        case _:
            return Completion(values=[])


async def _paths(ctx: Context[ToolContext], session_id: str, root: str, given: str) -> Completion:
    folder, _, prefix = given.rpartition("/")
    top = folder + "/" if "/" in given else ""
    request = ctx.request_context
    context = request.lifespan_context
    try:
        session = context.sessions.get(session_id, owner_of(request))
        if session.busy:
            return Completion(values=[])  # code runs, and a completion does not wait for it
        with anyio.move_on_after(COMPLETION_TIMEOUT_SECONDS):
            part = await read_part(session, root + top or ".", folders=True, prefix=prefix)
            return _of([top + name for name, _ in part.entries or []], part.size)
    except SandboxError:
        pass  # no such session, or nothing with that name
    return Completion(values=[])


def _of(values: list[str], total: int | None = None) -> Completion:
    total = len(values) if total is None else total
    return Completion(values=values[:MAX_VALUES], total=total, has_more=total > MAX_VALUES)
