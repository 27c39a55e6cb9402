"""Mode `compute`: an exact value, computed in two independent ways."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from bellglass.agent import texts
from bellglass.agent.compare import agree, exact
from bellglass.agent.format import plain
from bellglass.agent.inside import source
from bellglass.agent.modes.base import Mode, Verdict, failure
from bellglass.agent.tool_client import NoReport

if TYPE_CHECKING:
    from bellglass.agent.answer import Kind, ModeName
    from bellglass.agent.reading import Reply
    from bellglass.agent.tool_client import Run, ToolClient

_RULES = """Both blocks are programs of their own and set the variable `answer` at their top \
level. Compute exactly: int, fractions.Fraction, decimal.Decimal or str, or a list, tuple or dict \
of them, never a float. An irrational value is a Decimal or str with as many digits as the task \
asks for.

The check computes the same value in another way (brute force, a recurrence, another formula, a \
library), and takes nothing from the program, least of all its result. It may first compute a \
smaller case that is known, and assert it. The two values are compared."""


class Compute(Mode):
    name: ClassVar[ModeName] = "compute"
    proof = "check"
    way = "another way"

    def system(self, python: str) -> str:
        return texts.system(
            program="# computes it\nanswer = ...",
            proof="check",
            proof_text="# computes it in another way\nanswer = ...",
            rules=_RULES,
            python=python,
        )

    async def judge(self, tools: ToolClient, reply: Reply) -> Verdict:
        verdict = Verdict()
        for what, code in (("program", reply.program), ("check", reply.proof)):
            if not await self.checked(tools, code, verdict, what):
                return verdict
        found, run = await self._value(tools, reply.program, verdict, "program")
        if found is None:
            return verdict
        verdict.figures = run.figures
        verdict.result = _shown(found)
        verdict.note("ran", True, "The program ran to its end and set answer.")
        if complaint := self.wrong(found):
            return verdict.against(complaint)
        if complaint := self.lacking(run):
            verdict.note("plot", False, "The program drew no figure.")
            return verdict.against(complaint)
        if run.figures:
            verdict.note("plot", True, f"Figures drawn: {len(run.figures)}.")
        second, _ = await self._value(tools, reply.proof, verdict, "check")
        if second is None:
            return verdict
        async with tools.session() as session_id:
            same = await tools.ask(source("same"), session_id, one=reply.program, other=reply.proof)
        if isinstance(same, dict) and same.get("same"):
            verdict.note("second way", False, "The second way is the first under other names.")
            return verdict.against(
                "The check is the same program as the first. Compute the value in another way."
            )
        held = self.agree(found.get("shape"), second.get("shape"))
        shown = _shown(second)[:1_000]
        if verdict.note("second way", held, f"Computed {self.way}, it {_is(held)} the same."):
            return verdict
        return verdict.against(
            f"Program and check disagree. answer of the program:\n{verdict.result[:1_000]}\n"
            f"answer of the check:\n{shown}\nFind out which is wrong, by a smaller case say."
        )

    def wrong(self, found: dict[str, Any]) -> str:
        """Return what is wrong with the type of a value, or "" if nothing is."""
        if not exact(found.get("shape")):
            return (
                f"answer is or holds a {found.get('type')} that is not exact: a float, or too much "
                "to compare. Use int, Fraction, Decimal or str."
            )
        return ""

    def lacking(self, run: Run) -> str:
        """Return what a run failed to do, or "" if nothing."""
        return ""

    def agree(self, one: Any, other: Any) -> bool:
        return agree(one, other, loose=True)

    async def _value(
        self, tools: ToolClient, code: str, verdict: Verdict, what: str
    ) -> tuple[dict[str, Any] | None, Run]:
        """Run a program in a session of its own; return the value of its `answer`."""
        async with self.session(tools) as session_id:
            run = await tools.run(code, session_id)
            kind: Kind = "ran" if what == "program" else "second way"
            if not run.ok:
                verdict.note(kind, False, f"The {what} failed ({run.status}).")
                verdict.result = verdict.result or run.text
                verdict.against(failure(what, run))
                return None, run
            try:
                found = await tools.ask(source("shapes", "value"), session_id, name="answer")
            except NoReport as exc:
                found, reason = None, str(exc)
            else:
                reason = "it sets no variable of that name at its top level"
        if not isinstance(found, dict) or "shape" not in found:
            verdict.note(kind, False, f"The {what} set no answer.")
            verdict.against(f"The {what} ran, but its `answer` cannot be had: {reason}.")
            return None, run
        return found, run


def _shown(found: dict[str, Any]) -> str:
    return str(found.get("shown") or plain(found.get("shape")))[:5_000]


def _is(held: bool) -> str:
    return "is" if held else "is not"
