"""What the sandbox reports while it runs tests, put together.

The process that reports also runs the code under test: each message is input, checked like any.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, Field, ValidationError

from bellglass.sandboxes.execution import CleanStr
from bellglass.tools.results import TestOutcome

if TYPE_CHECKING:
    from bellglass.sandboxes.execution import Execution

MALFORMED = "The test process sent a malformed report."

MOST_TESTS = 10_000

_Text = CleanStr | None


class _Outcome(BaseModel):
    index: int | None = Field(default=None, ge=0, le=10_000)
    """Which of the cases, or of the collected tests; None for what could not be collected."""
    id: CleanStr = Field(default="", max_length=1_000)
    outcome: Literal["passed", "failed", "error", "skipped"]
    seconds: float = Field(default=0.0, ge=0, le=1e6)
    message: _Text = Field(default=None, max_length=20_000)
    expected: _Text = Field(default=None, max_length=20_000)
    actual: _Text = Field(default=None, max_length=20_000)
    stdout: _Text = Field(default=None, max_length=20_000)


class _Event(BaseModel):
    """One message of `runner.testing.suite`."""

    collected: list[CleanStr] = Field(default=[], max_length=10_000)
    started: int | None = None
    case: _Outcome | None = None
    test: _Outcome | None = None
    problem: CleanStr | None = Field(default=None, max_length=20_000)
    missing: bool = False
    finished: int | None = None
    """Exit status of pytest."""


class Report:
    """The events of a run, put together."""

    def __init__(self, execution: Execution, calls: list[str]) -> None:
        self.problem: str | None = None
        self.finished: int | None = None
        self.missing = False
        self.started: int | None = None
        """The last test that was begun."""
        self._cases = [f"case {number}: {call}" for number, call in enumerate(calls, 1)]
        self._tests: list[str] = []
        self._case_outcomes: dict[int, _Outcome] = {}
        self._test_outcomes: dict[int, _Outcome] = {}
        self._uncollected: list[_Outcome] = []
        for message in execution.report:
            try:
                self._take(_Event.model_validate(message))
            except ValidationError:
                self.problem = MALFORMED

    def _take(self, event: _Event) -> None:
        self._tests += event.collected[: MOST_TESTS - len(self._tests)]
        self.started = self.started if event.started is None else event.started
        self.problem = self.problem or event.problem
        self.missing = self.missing or event.missing
        if event.finished is not None:
            self.finished = event.finished
        if event.case is not None and event.case.index is not None:
            # The first word counts: what comes later cannot mend a failure.
            self._case_outcomes.setdefault(event.case.index, event.case)
        if event.test is not None and event.test.index is not None:
            self._test_outcomes.setdefault(event.test.index, event.test)
        elif event.test is not None:
            self._uncollected.append(event.test)

    def outcomes(self) -> list[TestOutcome]:
        listed = [_outcome(i, name, self._case_outcomes) for i, name in enumerate(self._cases)]
        listed += [
            TestOutcome(**outcome.model_dump(exclude={"index"})) for outcome in self._uncollected
        ]
        running = self.running()
        for index, name in enumerate(self._tests):
            outcome = _outcome(index, name, self._test_outcomes)
            if name == running:
                outcome = outcome.model_copy(update={"message": "It was running when all ended."})
            listed.append(outcome)
        return listed

    def running(self) -> str | None:
        """Return the test that was begun and has no result."""
        if self.started is None or self.started in self._test_outcomes:
            return None
        return self._tests[self.started] if 0 <= self.started < len(self._tests) else None


def _outcome(index: int, name: str, known: dict[int, _Outcome]) -> TestOutcome:
    name = name if len(name) <= 200 else f"{name[:199]}…"
    if index not in known:
        return TestOutcome(id=name, outcome="not_run")
    return TestOutcome(id=name, **known[index].model_dump(exclude={"index", "id"}))
