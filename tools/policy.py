"""The operator's policy: what is refused before a tool runs anything.

It is for honest mistakes and house rules. Code that intends to can evade any analysis; the sandbox
is what prevents harm.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from mcp.server.mcpserver.exceptions import ToolError
from pydantic import BaseModel, Field, ValidationError

from bellglass.tools.arguments import utf8_length
from bellglass.tools.call_limits import (
    CHECK_TIMEOUT_SECONDS,
    MAX_CHECKED_BYTES,
    MAX_CODE_CHARACTERS,
)
from bellglass.tools.callers import current_caller, owner_of_request
from bellglass.tools.errors import reported_to_model

if TYPE_CHECKING:
    from bellglass.sandboxes.sessions.sessions import Sessions
    from bellglass.tools.results import Language

_TOO_LONG = (
    "Refused, and nothing was run: {name} has {given:,} characters, and the operator of this "
    "server takes {most:,}. Pass it in parts."
)
_TOO_LARGE = (
    "Refused, and nothing was run: {name} has {given:,} bytes, so it cannot be looked through for "
    "what the operator of this server refuses, which takes {most:,} at most. Pass it in parts."
)
_REFUSED = (
    "Refused by the policy of this server's operator, and nothing was run: {reasons}. "
    "Do without it, or ask the operator."
)
_UNCHECKED = "it could not be checked ({why})"


class Program(NamedTuple):
    """The code of a call, and the name of its argument."""

    name: str
    code: str | tuple[str, ...]
    """A program, or Python expressions that are run one by one."""
    language: Language = "python"


class _Answer(BaseModel):
    refused: list[str] | None = Field(default=None, max_length=100)


@dataclass(frozen=True, kw_only=True, slots=True)
class Policy:
    """What is refused: by default only code that is too long."""

    risks: tuple[str, ...] = ()
    imports: tuple[str, ...] = ()
    longer_than: int = MAX_CODE_CHARACTERS

    async def admit(self, sessions: Sessions, *programs: Program) -> None:
        """Return if all of the programs may run.

        Raises:
            ToolError: One may not run, or could not be analysed, and so does not run either.
        """
        for name, code, _ in programs:
            given = len("".join(code))
            if given > self.longer_than:
                raise ToolError(_TOO_LONG.format(name=name, given=given, most=self.longer_than))
        if self.risks or self.imports:
            for program in programs:
                given = utf8_length("".join(program.code))
                if given > MAX_CHECKED_BYTES:
                    most = MAX_CHECKED_BYTES
                    raise ToolError(_TOO_LARGE.format(name=program.name, given=given, most=most))
                if program.code:
                    await self._look_through(sessions, program)

    async def _look_through(self, sessions: Sessions, program: Program) -> None:
        arguments = {
            "code": program.code,
            "language": program.language,
            "policy": {"risks": self.risks, "imports": self.imports},
        }
        with reported_to_model():
            async with sessions.checking.reserved(current_caller(), owner_of_request()) as session:
                execution = await session.run("check", arguments, timeout=CHECK_TIMEOUT_SECONDS)
            try:
                answers = [_Answer.model_validate(part) for part in execution.report[:10]]
            except ValidationError:
                reasons = [_UNCHECKED.format(why="the sandbox sent a malformed reply")]
            else:
                given = [answer.refused for answer in answers if answer.refused is not None]
                reasons = given[0] if given else [_UNCHECKED.format(why=execution.status)]
        if reasons:
            raise ToolError(_REFUSED.format(reasons="; ".join(reasons)[:2_000]))
