import json
from collections.abc import Sequence
from typing import Annotated, Any, Self

from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ToolError
from mcp.types import CallToolResult
from pydantic import BaseModel, ConfigDict, Field, model_validator

from bellglass.sandboxes.common.case_names import names_of
from bellglass.sandboxes.folders.folder import Folder
from bellglass.tools.admission import admitted
from bellglass.tools.arguments import EarlierSession, refuse_nul
from bellglass.tools.call_limits import (
    DEFAULT_TESTS_TIMEOUT_SECONDS,
    MAX_CASES,
    MAX_CODE_CHARACTERS,
    MAX_TIMEOUT_SECONDS,
)
from bellglass.tools.context import ToolContext
from bellglass.tools.errors import reported_to_model
from bellglass.tools.policy import Program
from bellglass.tools.progress import progress_to
from bellglass.tools.results import TestRun, result_of
from bellglass.tools.run_tests.hints import hints_on
from bellglass.tools.run_tests.report import NO_PYTEST, not_isolated, run_of
from bellglass.tools.run_tests.text import run_text
from bellglass.tools.sessions.session_resolver import session_for


def _described_where_used(schema: dict[str, Any]) -> None:
    """Leave out the schema of a case: the examples beside it say more in fewer words."""
    schema.clear()
    schema["type"] = "object"


class Case(BaseModel):
    model_config = ConfigDict(extra="forbid", json_schema_extra=_described_where_used)

    call: Annotated[str, Field(min_length=1, max_length=10_000)] | None = None
    expected: Any = None  # any JSON value
    raises: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    stdin: Annotated[str, Field(max_length=MAX_CODE_CHARACTERS)] | None = None
    stdout: Annotated[str, Field(max_length=MAX_CODE_CHARACTERS)] | None = None

    @model_validator(mode="after")
    def _one_expectation(self) -> Self:
        if self.call is None:
            if self.stdout is None or self.raises or "expected" in self.model_fields_set:
                raise ValueError("a case has a call, or stdin and stdout for a whole program")
        elif self.stdin is not None or self.stdout is not None:
            raise ValueError("a case has either a call, or stdin and stdout for a whole program")
        elif ("expected" in self.model_fields_set) == (self.raises is not None):
            raise ValueError("a case has either expected (a JSON value) or raises (a name)")
        return self

    def as_request(self) -> dict[str, Any]:
        given = self.model_dump(exclude_unset=True)
        return given if self.call is not None else {"stdin": "", **given}


async def run_tests(
    ctx: Context[ToolContext],
    code: Annotated[str, Field(max_length=MAX_CODE_CHARACTERS)] = "",
    tests: Annotated[
        str | None,
        Field(max_length=MAX_CODE_CHARACTERS, description="Such as: from solution import add ..."),
    ] = None,
    cases: Annotated[
        list[Case] | None,
        Field(
            max_length=MAX_CASES,
            description='{"call": "add(2, 3)", "expected": 5}, {"call": "add()", "raises": '
            '"TypeError"} or {"stdin": "2 3", "stdout": "5"}',
        ),
    ] = None,
    paths: Annotated[
        list[str] | None, Field(max_length=100, description="Tests in the session's files.")
    ] = None,
    select: Annotated[str | None, Field(description="Names, as pytest -k.")] = None,
    stop: Annotated[bool, Field(description="At the first failure.")] = False,
    coverage: Annotated[bool, Field(description="Of lines.")] = False,
    test_timeout: Annotated[
        float | None,
        Field(gt=0, le=MAX_TIMEOUT_SECONDS, allow_inf_nan=False, description="Seconds each."),
    ] = None,
    session_id: EarlierSession = None,
    timeout: Annotated[
        float,
        Field(
            gt=0,
            le=MAX_TIMEOUT_SECONDS,
            allow_inf_nan=False,
            description="Seconds, for all tests.",
        ),
    ] = DEFAULT_TESTS_TIMEOUT_SECONDS,
) -> Annotated[CallToolResult, TestRun]:
    """Run tests of Python code; returns which failed, with expected and actual values.

    Give code and one of: tests (a pytest or unittest module that imports it as `solution`), cases
    (short checks), paths (test files of the session). With none of them, tests and doctests inside
    code run. Files of the session are there, its variables are not. Tests are plain pytest in one
    process with the code; cases it cannot forge (isolated). A failing test is a normal result.
    """
    for path in paths or ():
        refuse_path(path)
    refuse_nul("select", select or "")
    context = ctx.request_context.lifespan_context
    calls = tuple(case.call for case in cases or [] if case.call is not None)
    code, note = await admitted(context, Program("code", code))
    tests, tests_note = await admitted(context, Program("tests", tests or ""))
    await context.policy.admit(context.sessions, Program("cases", calls))
    if not code.strip() and not paths:
        raise ToolError("code is empty, so there is nothing to test. Pass the program as code.")
    given = [case.as_request() for case in cases or []]
    if len(json.dumps(given)) > MAX_CODE_CHARACTERS:
        most = f"{MAX_CODE_CHARACTERS:,} characters"
        raise ToolError(f"cases are larger than {most}. Pass them in parts.")
    arguments = {
        "code": code,
        "tests": tests or None,
        "cases": given,
        "paths": paths,
        "select": select,
        "stop": stop,
        "coverage": coverage,
        "test_timeout": test_timeout,
        "project": _lent_project(paths or [], context.folders),
    }
    with reported_to_model():
        session = await session_for(ctx, session_id)
        async with progress_to(ctx, timeout) as on_stream:
            execution = await session.run("test", arguments, timeout=timeout, on_stream=on_stream)
    run = run_of(execution, session.id, [] if select else names_of(given))
    notes = [text for text in dict.fromkeys((note, tests_note)) if text]
    notes += [*run.notes, *hints_on(run, code, tests)]
    error = _reason(run, select, paths)
    if error == NO_PYTEST and context.packages.awaited:
        error = f"Only cases can run now: {context.packages.missing('pytest')}"
    run = run.model_copy(update={"notes": notes, "error": error})
    if not session.backend.has_true_results:
        run = not_isolated(run)
    return result_of(run, run_text(run, timeout))


def _lent_project(paths: list[str], folders: Sequence[Folder]) -> dict[str, Any] | None:
    """Return the lent folder that all paths lie in, for the far end; None if there is none."""
    for folder in folders:
        below = [path == folder.target or path.startswith(f"{folder.target}/") for path in paths]
        if below and all(below):
            return {"folder": folder.target, "host": folder.path, "python": folder.python}
    return None


def _reason(run: TestRun, select: str | None, paths: list[str] | None) -> str | None:
    """Return why there is no verdict, in terms of the arguments."""
    if select and (run.error or "").startswith("No tests were found"):
        return f"select={select[:100]!r} fits the name of no test: it is compared as by pytest -k."
    if paths and not run.tests and "file or directory not found" in (run.error or ""):
        named = ", ".join(paths)[:300]
        return f"No such file, or none that pytest reads: {named}. Paths are relative to /work."
    return run.error


def refuse_path(path: str) -> None:
    """Refuse a path that pytest would take for an option, or that cannot be a file."""
    refuse_nul("paths", path)
    if len(path) > 1_000:
        raise ToolError("A path in paths is longer than 1,000 characters. Pass a path of a file.")
    if not path:
        raise ToolError("A path in paths is empty. Name a file or a folder of the session.")
    if path.startswith("-"):
        raise ToolError(f"{path!r} in paths is an option. Write ./{path} if it is a file.")
