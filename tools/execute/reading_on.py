"""How a model reads on where output was cut: by read_file, or in Bash where that is not listed."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from bellglass.tools.execute.text_layout import Part

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mcp.types import ImageContent

    from bellglass.sandboxes.execution import Execution
    from bellglass.tools.context import ToolContext


def reads_on(path: str, context: ToolContext) -> str:
    """Return the call that reads all of a file with output, for the end of a line."""
    if "read_file" in context.left_out:
        return f": {_in_bash(path, 0, context)}"
    return f': read_file(path="{path}")'


def listed_calls(
    parts: Iterable[str | ImageContent], execution: Execution, context: ToolContext
) -> list[str | ImageContent]:
    """Return the parts of a result, in which no marker of a cut names a tool that is not listed.

    The sandbox writes the markers, and does not know which tools are.
    """
    files = [output.file for output in (execution.stdout, execution.stderr) if output.file]
    if "read_file" not in context.left_out or not files:
        return list(parts)
    call = re.compile(
        rf'read_file\(path="({"|".join(map(re.escape, files))})", offset=(\d{{1,18}})\)'
    )

    def in_bash(text: str) -> str:
        return call.sub(lambda found: _in_bash(found[1], int(found[2]), context), text)

    return [
        Part(part.kind, in_bash(part), in_bash(part.written)) if isinstance(part, Part) else part
        for part in parts
    ]


def _in_bash(path: str, offset: int, context: ToolContext) -> str:
    return f"tail -c +{offset + 1} {path} | head -c {context.limits.output_bytes}"
