"""Admission of code to every tool: unwrap it, and ask the policy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bellglass.tools.arguments import refuse_nul
from bellglass.tools.fences import Unwrapped, unwrapped

if TYPE_CHECKING:
    from bellglass.tools.context import ToolContext
    from bellglass.tools.policy import Program


async def admitted(context: ToolContext, program: Program) -> Unwrapped:
    """Return the code in what was given, if it may run.

    Raises:
        ToolError: It has a NUL character, or the operator's policy refuses it.
    """
    text = "".join(program.code)
    refuse_nul(program.name, text)
    found = unwrapped(text, program.language)
    await context.policy.admit(context.sessions, program._replace(code=found.code))
    return found
