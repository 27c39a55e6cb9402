"""The result of a call, from what was rendered: with a layout if the client has a view, bounded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mcp.types import CallToolResult, TextContent

from bellglass.tools.execute import displays
from bellglass.tools.execute.limit_result_size import fitted
from bellglass.tools.execute.rendering import RECORD
from bellglass.tools.execute.text_layout import layout_of

if TYPE_CHECKING:
    from mcp.server.mcpserver import Context

    from bellglass.tools.context import ToolContext
    from bellglass.tools.execute.rendering import Rendered


def result_for(ctx: Context[ToolContext], rendered: Rendered) -> CallToolResult:
    """Return the result, small enough for any client."""
    request = ctx.request_context
    notes = TextContent(type="text", text="\n".join(rendered.notes))
    content = [*displays.blocks(rendered.parts), notes, *rendered.links]
    meta: dict[str, Any] = {
        RECORD: rendered.record,
        **layout_of([*rendered.parts, *rendered.notes], request),
    }
    if rendered.view:
        meta[displays.VIEW] = rendered.view
    marks_errors = request.lifespan_context.errors_as_tool_errors
    return fitted(
        CallToolResult(content=content, is_error=rendered.failed and marks_errors, _meta=meta)
    )
