"""Mode `solve`: a program for a task, with tests that it passes and that can fail."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bellglass.agent import texts
from bellglass.agent.inside import source
from bellglass.agent.modes.base import Mode, Verdict, failure
from bellglass.agent.tool_client import NoReport

if TYPE_CHECKING:
    from bellglass.agent.reading import Reply
    from bellglass.agent.tool_client import Run, ToolClient

_RULES = """The program is a module: functions or classes that do the work, and below \
`if __name__ == "__main__":` what shows the answer to the task, printed. No input is typed in.

The tests are a module for pytest that imports the program as `solution`, such as \
`from solution import total`. Write them from the task and not from the program: ordinary values \
worked out by hand, edge cases (nothing, one, many, negative, repeated), and input that must be \
refused. Files of the task are in the working directory. The same tests are then run on a copy of \
the program whose functions are empty, and must fail on it."""


class Solve(Mode):
    name = "solve"
    proof = "tests"

    def system(self, python: str) -> str:
        return texts.system(
            program="# the whole program",
            proof="tests",
            proof_text="# tests of it",
            rules=_RULES,
            python=python,
        )

    async def judge(self, tools: ToolClient, reply: Reply) -> Verdict:
        verdict = Verdict()
        # The tests are not checked: the module `solution` exists only where they run.
        if not await self.checked(tools, reply.program, verdict, "program"):
            return verdict
        async with self.session(tools) as session_id:
            run = await tools.run(reply.program, session_id)
            verdict.result, verdict.figures = run.text, run.figures
            if not verdict.note("ran", run.ok, _how(run)):
                return verdict.against(failure("program", run))
        async with self.session(tools) as session_id:
            tests = await tools.test(reply.program, reply.proof, session_id)
            if not _tested(verdict, tests):
                return verdict.against(_complaint(tests))
            await self._can_fail(tools, reply, session_id, verdict)
        return verdict

    async def _can_fail(
        self, tools: ToolClient, reply: Reply, session_id: str, verdict: Verdict
    ) -> None:
        try:
            stubs = await tools.ask(source("stub_bodies"), session_id, code=reply.program)
            code, functions = str(stubs["code"]), list(stubs["functions"])
        except (NoReport, KeyError, TypeError):
            code, functions = "", []
        if not functions:
            verdict.note("tests can fail", False, "The program has no function to test.")
            verdict.against(
                "The program has no function, so nothing of it can be tested. Put what it does "
                "into functions, and let the tests call them."
            )
            return
        tests = await tools.test(code, reply.proof, session_id)
        passed, total = _count(tests, "passed"), _count(tests, "total")
        text = f"{total - passed} of {total} tests fail on a copy with empty functions"
        if not verdict.note("tests can fail", passed < total, f"{text}.", total - passed, total):
            verdict.against(
                f"All {total} tests still pass when every function of the program does nothing "
                "but raise NotImplementedError. So they prove nothing: test what the functions "
                "return."
            )


def _how(run: Run) -> str:
    return "The program ran to its end." if run.ok else f"The program failed ({run.status})."


def _tested(verdict: Verdict, tests: Run) -> bool:
    passed, total = _count(tests, "passed"), _count(tests, "total")
    held = tests.ok and bool(tests.structured.get("ok")) and 0 < passed == total
    text = f"{passed} of {total} tests passed"
    if not total and (why := tests.structured.get("error")):
        text = f"No test ran: {str(why).strip().rstrip('.')}"
    return verdict.note("tested", held, f"{text}.", passed, total)


def _complaint(tests: Run) -> str:
    if not tests.ok:
        return f"run_tests was refused:\n{tests.text}"
    skipped = _count(tests, "skipped")
    if tests.structured.get("ok") and skipped:
        return f"{skipped} tests were skipped: every test must run.\n{tests.text}"
    if not _count(tests, "total") and not tests.structured.get("error"):
        return f"run_tests found no test. Names begin with test_.\n{tests.text}"
    return f"run_tests:\n{tests.text}"


def _count(tests: Run, name: str) -> int:
    value = tests.structured.get(name, 0)
    return value if isinstance(value, int) else 0
