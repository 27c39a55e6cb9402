import json
from typing import Annotated, Any, Self

from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ToolError
from mcp.types import CallToolResult
from pydantic import BaseModel, ConfigDict, Field, model_validator

from bellglass.tools.admission import admitted
from bellglass.tools.arguments import MAX_CODE, MAX_TIMEOUT_SECONDS, SessionId
from bellglass.tools.conversation import session_for
from bellglass.tools.errors import reported_to_model
from bellglass.tools.policy import Program
from bellglass.tools.progress import progress_to
from bellglass.tools.results import TestRun, result_of
from bellglass.tools.suite_report import run_of
from bellglass.tools.suite_text import run_text
from bellglass.tools.workbench import Workbench

MAX_CASES = 1_000


class Case(BaseModel):
    model_config = ConfigDict(extra="forbid")

    call: Annotated[str, Field(min_length=1, max_length=10_000)]
    expected: Any = None  # any JSON value
    raises: Annotated[str, Field(min_length=1, max_length=200)] | None = None

    @model_validator(mode="after")
    def _one_expectation(self) -> Self:
        if ("expected" in self.model_fields_set) == (self.raises is not None):
            raise ValueError("a case has either expected (a JSON value) or raises (a name)")
        return self


async def run_tests(
    code: Annotated[str, Field(max_length=MAX_CODE)],
    ctx: Context[Workbench],
    tests: Annotated[
        str | None,
        Field(max_length=MAX_CODE, description="Such as: from solution import add ..."),
    ] = None,
    cases: Annotated[
        list[Case] | None,
        Field(
            max_length=MAX_CASES,
            description='{"call": "add(2, 3)", "expected": 5} or {"call": "add()", '
            '"raises": "TypeError"}',
        ),
    ] = None,
    session_id: SessionId = None,
    timeout: Annotated[
        float,
        Field(
            gt=0,
            le=MAX_TIMEOUT_SECONDS,
            allow_inf_nan=False,
            description="Seconds, for all tests.",
        ),
    ] = 60,
) -> Annotated[CallToolResult, TestRun]:
    """Test Python code in a sandbox and return what failed, and why.

    tests is a pytest module that imports the code as `solution`; cases are calls with the value
    they return or the exception they raise; with neither, the tests in code itself run. Files of
    the session are in the working directory, its variables are not there. A failing test is a
    normal result.
    """
    bench = ctx.request_context.lifespan_context
    calls = tuple(case.call for case in cases or [])
    code, note = await admitted(bench, Program("code", code))
    tests, tests_note = await admitted(bench, Program("tests", tests or ""))
    await bench.policy.admit(bench.sessions, Program("cases", calls))
    if not code.strip():
        raise ToolError("code is empty, so there is nothing to test. Pass the program as code.")
    given = [case.model_dump(exclude_unset=True) for case in cases or []]
    if len(json.dumps(given)) > MAX_CODE:
        raise ToolError(f"cases are larger than {MAX_CODE:,} characters. Pass them in parts.")
    arguments = {"code": code, "tests": tests or None, "cases": given}
    with reported_to_model():
        session = await session_for(ctx, session_id)
        execution = await session.run(
            "test", arguments, timeout=timeout, on_stream=progress_to(ctx, timeout)
        )
    run = run_of(execution, session.id, list(calls))
    notes = [text for text in dict.fromkeys((note, tests_note)) if text]
    run = run.model_copy(update={"notes": [*notes, *run.notes]})
    return result_of(run, run_text(run, timeout))
