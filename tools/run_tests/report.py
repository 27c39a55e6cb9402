"""The verdict on a test run, made here from what the sandbox reports.

A missing report is never a pass: a run counts only if it reported its end, and a test only if its
result arrived.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from bellglass.sandboxes.sessions.notices import REPLACED, RESTARTED
from bellglass.tools.error_text import shortened
from bellglass.tools.results import TestOutcome, TestRun, records_of
from bellglass.tools.run_tests.events import Report

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bellglass.sandboxes.execution import Execution

MAX_RECORD_BYTES = 600_000
"""Bytes of the record. Clients fail at 1 MB for both halves with their envelope."""

NO_TESTS = (
    "No tests were found. Write functions named test_..., with assert, in tests (they import the "
    'code as solution) or in code itself; or pass cases such as {"call": "add(2, 3)", '
    '"expected": 5}.'
)
RAN = (
    "No tests were found, but the module ran to its end, and with it {count} outside of functions. "
    "pytest reports functions: put asserts into `def test_...():`."
)
UNCALLED = (
    "No tests were found: the asserts are in functions that it does not call ({names}). "
    "Give them names that begin with test_."
)
NO_PYTEST = (
    "pytest is not installed in the sandbox, so only cases can run. "
    "The operator can install it with `bellglass setup`."
)

NO_COVERAGE = (
    "coverage is not installed in the sandbox, so it was not measured. "
    "The operator can install it with `bellglass setup`."
)
NO_TEST_TIMEOUT = (
    "test_timeout ended no test: the settings of the project run tests beside one another, by "
    "pytest-xdist. Take that out of them, or use pytest-timeout."
)
STATE_LOST = "The tests ended the Python of their session: its variables are lost, files are kept."

CAN_BE_FAKED = (
    "The runtime of this sandbox lets code open what its supervisor has open, so the code can fake "
    "this result, and that of cases too."
)

SUSPICIOUS = "Read the code before you believe this result: {}."


def run_of(execution: Execution, session_id: str, cases: list[str]) -> TestRun:
    """Return the verdict on a run; `cases` are the names of the requested cases."""
    report = Report(execution, cases)
    outcomes = report.outcomes()
    counts = {
        name: sum(outcome.outcome == name for outcome in outcomes)
        for name in ("passed", "failed", "error", "skipped", "not_run")
    }
    error = _error(execution, report, outcomes)
    went_well = execution.status == "ok" and report.finished == 0 and error is None
    run = TestRun(
        session_id=session_id,
        # Only tests that ran and passed count: skipping all of them proves nothing.
        ok=went_well and 0 < counts["passed"] == len(outcomes) - counts["skipped"],
        total=len(outcomes),
        passed=counts["passed"],
        failed=counts["failed"],
        errors=counts["error"],
        skipped=counts["skipped"],
        not_run=counts["not_run"],
        timed_out=execution.status == "timeout",
        isolated=bool(outcomes) and all(outcome.isolated for outcome in outcomes),
        error=error,
        seconds=round(execution.wall_seconds, 3),
        tests=outcomes,
        coverage=report.coverage,
        notes=[*_notes(execution), *_said_of(report)],
    )
    return _fitted(run)


def not_isolated(run: TestRun) -> TestRun:
    """Return a run in a sandbox where code can reach the supervisor, from which verdicts come."""
    tests = [test.model_copy(update={"isolated": False}) for test in run.tests]
    return run.model_copy(
        update={"isolated": False, "tests": tests, "notes": [*run.notes, CAN_BE_FAKED]}
    )


def _notes(execution: Execution) -> list[str]:
    told = {RESTARTED, REPLACED} & set(execution.notices)
    if execution.state != "lost" or execution.status == "lost" or told:
        return list(execution.notices)
    return [*execution.notices, STATE_LOST]


def _said_of(report: Report) -> Iterator[str]:
    for sign in dict.fromkeys(report.warnings):
        yield SUSPICIOUS.format(sign)
    if report.distributed:
        yield NO_TEST_TIMEOUT
    if report.uncovered:
        yield NO_COVERAGE


def _error(execution: Execution, report: Report, outcomes: list[TestOutcome]) -> str | None:
    """Return what went wrong with the run as a whole, beside its tests."""
    running = report.running_name()
    where = f" in {running}" if running else ""
    match execution.status:
        case "timeout":
            return None  # `timed_out` says so
        case "cancelled":
            return "The run was cancelled."
        case "oom":
            return f"The tests ran out of memory{where}."
        case "crashed" if execution.signal:
            return f"The test process crashed{where} ({execution.signal})."
        case "killed":
            return f"The test process was killed{where} ({execution.signal})."
        case "lost":
            return "The sandbox died while it ran the tests; files of the session are lost."
    if report.missing:
        return NO_PYTEST
    if report.problem is not None:
        return report.problem
    if report.finished is None:
        return (
            f"The test process ended{where} with exit code {execution.exit_code} before it had "
            f"finished, as os._exit() would do: what has no result did not pass."
        )
    if report.finished == 5 and not outcomes:
        if report.asserts:
            count = "one assert" if report.asserts == 1 else f"{report.asserts} asserts"
            return RAN.format(count=count)
        named = ", ".join(name[:100] for name in report.uncalled)
        return UNCALLED.format(names=named) if named else NO_TESTS
    explained = any(outcome.outcome in ("failed", "error") for outcome in outcomes)
    if report.finished not in (0, 5) and not explained:
        return f"pytest ended with status {report.finished}.\n{report.said}".rstrip()
    return None


def _fitted(run: TestRun) -> TestRun:
    """Return `run` with as much detail as its size allows, and all verdicts if possible."""
    for limit in (8_000, 2_000, 500, 100):
        tests = [_cut(outcome, limit) for outcome in run.tests]
        if _size(tests) <= MAX_RECORD_BYTES:
            break
    else:
        tests.sort(key=lambda outcome: outcome.outcome == "passed")
    while _size(tests) > MAX_RECORD_BYTES:
        tests = tests[: len(tests) * 7 // 8]
    notes = list(run.notes)
    if unlisted := len(run.tests) - len(tests):
        notes.append(f"{unlisted:,} more results are not listed; they are counted.")
    return run.model_copy(
        update={"tests": tests, "notes": notes, "error": run.error and run.error[:20_000]}
    )


def _cut(outcome: TestOutcome, limit: int) -> TestOutcome:
    fields = ("message", "expected", "actual", "stdout")
    return outcome.model_copy(
        update={
            name: text and shortened(text, limit)
            for name in fields
            if (text := getattr(outcome, name))
        }
    )


def _size(tests: list[TestOutcome]) -> int:
    return len(json.dumps(records_of(tests), ensure_ascii=False).encode())
