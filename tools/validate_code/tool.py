from typing import Annotated

from mcp.server.mcpserver import Context
from mcp.types import CallToolResult
from pydantic import Field

from bellglass.tools.arguments import utf8_length
from bellglass.tools.call_limits import (
    CHECK_TIMEOUT_SECONDS,
    MAX_CHECKED_BYTES,
    MAX_CODE_CHARACTERS,
)
from bellglass.tools.callers import current_caller
from bellglass.tools.context import ToolContext
from bellglass.tools.errors import reported_to_model
from bellglass.tools.fences import unwrapped
from bellglass.tools.results import Finding, Language, Validation, result_of
from bellglass.tools.sessions.session_resolver import owner_of
from bellglass.tools.validate_code.report import validation_of, validation_text

_TOO_LARGE = (
    "Not checked, and nothing of it was read: {given:,} bytes are too many. At most {most:,} are "
    "looked through at once: pass it in parts."
)


_ELSEWHERE = (
    "Whether the imported modules are installed was not looked at: the code will run on another "
    "machine than it was checked on."
)


async def validate_code(
    code: Annotated[str, Field(max_length=MAX_CODE_CHARACTERS)],
    ctx: Context[ToolContext],
    language: Language = "python",
) -> Annotated[CallToolResult, Validation]:
    """Check Python or Bash without running it.

    Returns syntax errors, likely bugs, modules missing in the sandbox, and risky operations, each
    with line and fix or reason. At most 100 kB. For code that will run elsewhere; to try code here,
    run it: the sandbox protects, not this check.
    """
    if (given := utf8_length(code)) > MAX_CHECKED_BYTES:
        message = _TOO_LARGE.format(given=given, most=MAX_CHECKED_BYTES)
        validation = Validation(valid=False, language=language, errors=[Finding(message=message)])
        return result_of(validation, message)
    code, note = unwrapped(code, language)
    with reported_to_model():
        request = ctx.request_context
        sessions = request.lifespan_context.sessions
        arguments = {"code": code, "language": language}
        async with sessions.checking.reserved(current_caller(), owner_of(request)) as session:
            execution = await session.run("check", arguments, timeout=CHECK_TIMEOUT_SECONDS)
        validation = validation_of(execution, language, CHECK_TIMEOUT_SECONDS, note)
        if sessions.checks_elsewhere:  # other packages are installed there
            notes = [*validation.notes, _ELSEWHERE]
            validation = validation.model_copy(update={"missing": [], "notes": notes})
    return result_of(validation, validation_text(validation))
