"""Records that validate_code and run_tests return; the text beside them says the same."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from mcp.types import CallToolResult, TextContent
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

Language = Literal["python", "bash"]


def _brief(schema: dict[str, Any]) -> None:
    """Leave what programs decide by, with JSON types: every conversation pays for the listing.

    A field without a value is left out of the record, so no field is ever null.
    """
    schema.pop("description", None)
    schema["properties"] = {
        name: {"type": field["type"]}
        for name, field in schema.get("properties", {}).items()
        if "type" in field and name not in ("language", "notes", "seconds", "session_id")
    }


class _Result(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", json_schema_extra=_brief)


class Finding(_Result):
    line: int | None = None
    column: int | None = None
    message: str = Field(max_length=2_000)
    source: str | None = Field(default=None, max_length=2_000)
    """The line, with a caret under the column if that is known."""
    fix: str | None = Field(default=None, max_length=2_000)


class Risk(_Result):
    kind: str = Field(max_length=100)
    line: int
    column: int
    reason: str = Field(max_length=2_000)


class Missing(_Result):
    """A module that the sandbox does not have."""

    module: str = Field(max_length=1_000)
    line: int
    package: str | None = Field(default=None, max_length=1_000)
    """The distribution that provides it, if that is certain."""
    near: str | None = Field(default=None, max_length=1_000)
    """A well-known module with a similar name."""


class Validation(_Result):
    valid: bool
    language: Language
    errors: list[Finding] = []
    warnings: list[Finding] = []
    risks: list[Risk] = []
    missing: list[Missing] = []
    notes: list[str] = []


class TestOutcome(_Result):
    __test__ = False

    id: str
    outcome: Literal["passed", "failed", "error", "skipped", "not_run"]
    seconds: Annotated[float, AfterValidator(lambda seconds: round(seconds, 3))] = 0.0
    message: str | None = None
    expected: str | None = None
    actual: str | None = None
    stdout: str | None = None
    cause: Literal["timeout", "crashed"] | None = None
    isolated: bool = False


class TestRun(_Result):
    """The results of a suite, test by test."""

    __test__ = False

    session_id: str
    ok: bool
    """Every test ran and none failed."""
    total: int
    passed: int
    failed: int
    errors: int
    skipped: int
    not_run: int
    timed_out: bool
    isolated: bool
    error: str | None = None
    """Why the run as a whole went wrong."""
    seconds: float
    tests: list[TestOutcome]
    coverage: list[dict[str, Any]] | None = None
    """Of each file: file, lines, missing."""
    notes: list[str] = []


def records_of(tests: list[TestOutcome]) -> list[dict[str, Any]]:
    """Return `tests` as clients get them: of a fast passed test only name and outcome."""
    return [test.model_dump(mode="json", exclude_defaults=True) for test in tests]


def result_of(record: Validation | TestRun, text: str) -> CallToolResult:
    """Return both halves: clients show a model one of them, seldom both.

    The session is named in a block of its own, without any foreign text.
    """
    said, _, session = text.rpartition("\n")
    texts = (said, session) if said and session.startswith("session_id: ") else (text,)
    structured = record.model_dump(mode="json", exclude_none=True)
    if isinstance(record, TestRun):
        structured["tests"] = records_of(record.tests)
    return CallToolResult(
        structured_content=structured,
        content=[TextContent(type="text", text=part) for part in texts],
    )
