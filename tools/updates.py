"""Telling clients that a file which they watch has changed, in both eras of the protocol."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bellglass.tools.session_files import file_uri

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mcp.server.mcpserver import Context

    from bellglass.tools.workbench import Workbench


async def notify_updated(ctx: Context[Workbench], session_id: str, paths: Iterable[str]) -> None:
    """Tell every client that watches one of these files."""
    for path in paths:
        await ctx.notify_resource_updated(file_uri(session_id, path))
