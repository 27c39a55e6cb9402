"""Assemble the events that the sandbox reports while it runs tests.

Everything from the sandbox is input, whoever sent it: each message is validated.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, Field, ValidationError

from bellglass.sandboxes.execution import CleanStr
from bellglass.tools.results import TestOutcome

if TYPE_CHECKING:
    from bellglass.sandboxes.execution import Execution

MALFORMED = "The test process sent a malformed report."

MAX_TESTS = 10_000

_Text = CleanStr | None


class _Outcome(BaseModel):
    index: int | None = Field(default=None, ge=0, le=10_000)
    """The index of the collected test; None for what could not be collected."""
    id: CleanStr = Field(default="", max_length=1_000)
    outcome: Literal["passed", "failed", "error", "skipped"]
    seconds: float = Field(default=0.0, ge=0, le=1e6)
    message: _Text = Field(default=None, max_length=20_000)
    expected: _Text = Field(default=None, max_length=20_000)
    actual: _Text = Field(default=None, max_length=20_000)
    stdout: _Text = Field(default=None, max_length=20_000)
    cause: Literal["timeout", "crashed"] | None = None


class _Covered(BaseModel):
    file: CleanStr = Field(max_length=1_000)
    lines: int = Field(ge=0, le=10_000_000)
    missing: list[Annotated[int, Field(ge=1, le=10_000_000)]] = Field(max_length=100_000)


class _Event(BaseModel):
    """One message of `inside.suite`."""

    collected: list[CleanStr] = Field(default=[], max_length=10_000)
    isolated: bool = False
    """Whether it is compared outside of the code's process."""
    started: int | None = None
    tests: list[_Outcome] = Field(default=[], max_length=10_000)
    problem: CleanStr | None = Field(default=None, max_length=20_000)
    missing: bool = False
    """Whether the sandbox lacks pytest."""
    warnings: list[CleanStr] = Field(default=[], max_length=100)
    """Signs that the code tries to pass without being right."""
    said: CleanStr | None = Field(default=None, max_length=20_000)
    """What pytest printed before it ended without a verdict."""
    distributed: bool = False
    """Whether the project runs tests in processes of pytest-xdist, to which test_timeout does not
    apply."""
    uncovered: bool = False
    """Whether coverage was asked for, and the sandbox lacks the library."""
    coverage: list[_Covered] | None = Field(default=None, max_length=100)
    asserts: int = Field(default=0, ge=0)
    uncalled: list[CleanStr] = Field(default=[], max_length=100)
    """Of a module without tests: asserts that it ran, and functions with others."""
    finished: int | None = None
    """The exit status of pytest."""


class Report:
    """The events of a run, assembled."""

    def __init__(self, execution: Execution, cases: list[str]) -> None:
        """`cases` are the names of the requested cases, in case nothing is reported about them."""
        self.problem: str | None = None
        self.finished: int | None = None
        self.missing = False
        self.started: int | None = None
        """The last test that was begun."""
        self.warnings: list[str] = []
        self.said = ""
        self.distributed = False
        self.uncovered = False
        self.coverage: list[dict[str, Any]] | None = None
        self.asserts = 0
        self.uncalled: list[str] = []
        self._cases = cases
        self._tests: list[str] = []
        self._isolated: list[bool] = []
        self._test_outcomes: dict[int, _Outcome] = {}
        self._uncollected: list[_Outcome] = []
        for message in execution.report:
            try:
                self._take(_Event.model_validate(message))
            except ValidationError:
                self.problem = MALFORMED

    def _take(self, event: _Event) -> None:
        new = event.collected[: MAX_TESTS - len(self._tests)]
        self._tests += new
        self._isolated += [event.isolated] * len(new)
        self.started = self.started if event.started is None else event.started
        self.problem = self.problem or event.problem
        self.missing = self.missing or event.missing
        self.distributed = self.distributed or event.distributed
        self.uncovered = self.uncovered or event.uncovered
        self.warnings += event.warnings
        self.asserts += event.asserts
        self.uncalled += event.uncalled
        self.said = self.said or event.said or ""
        if event.coverage is not None:
            self.coverage = [covered.model_dump() for covered in event.coverage]
        if event.finished is not None:
            self.finished = event.finished
        for test in event.tests:
            if test.index is None:
                self._uncollected.append(test)
            else:  # the first result counts: later ones cannot turn a failure into a pass
                self._test_outcomes.setdefault(test.index, test)

    def outcomes(self) -> list[TestOutcome]:
        listed = [
            TestOutcome(**outcome.model_dump(exclude={"index"})) for outcome in self._uncollected
        ]
        running = self.running()
        names = self._tests or self._cases
        isolated = self._isolated if self._tests else [True] * len(names)
        for index, name in enumerate(names):
            outcome = _outcome(index, name, self._test_outcomes)
            outcome = outcome.model_copy(update={"isolated": isolated[index]})
            if index == running:
                outcome = outcome.model_copy(update={"message": "It was running when all ended."})
            listed.append(outcome)
        return listed

    def running(self) -> int | None:
        """Return the test that was begun and has no result."""
        if self.started is None or self.started in self._test_outcomes:
            return None
        return self.started if 0 <= self.started < len(self._tests) else None

    def running_name(self) -> str | None:
        index = self.running()
        return None if index is None else self._tests[index]


def _outcome(index: int, name: str, known: dict[int, _Outcome]) -> TestOutcome:
    name = name if len(name) <= 200 else f"{name[:199]}…"
    if index not in known:
        return TestOutcome(id=name, outcome="not_run")
    return TestOutcome(id=name, **known[index].model_dump(exclude={"index", "id"}))
