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
    """The events of a run, assembled. If a test has two results, the first counts."""

    def __init__(self, execution: Execution, cases: list[str]) -> None:
        """`cases` are the names of the requested cases, in case nothing is reported about them."""
        events: list[_Event] = []
        malformed = False
        for message in execution.report:
            try:
                events.append(_Event.model_validate(message))
            except ValidationError:
                malformed = True
        said = [event.problem for event in events if event.problem is not None]
        self.problem = MALFORMED if malformed else next(iter(said), None)
        self.finished = next((e.finished for e in events[::-1] if e.finished is not None), None)
        self.missing = any(event.missing for event in events)
        self.distributed = any(event.distributed for event in events)
        self.uncovered = any(event.uncovered for event in events)
        self.warnings = [sign for event in events for sign in event.warnings]
        self.said = next((event.said for event in events if event.said), "")
        self.asserts = sum(event.asserts for event in events)
        self.uncalled = [name for event in events for name in event.uncalled]
        covered = [event.coverage for event in events if event.coverage is not None]
        self.coverage = [file.model_dump() for file in covered[-1]] if covered else None
        self._cases = cases
        tests = [(name, event.isolated) for event in events for name in event.collected]
        self._tests = tests[:MAX_TESTS]
        self._started = next((e.started for e in events[::-1] if e.started is not None), None)
        """The last test that was begun."""
        results = [test for event in events for test in event.tests]
        self._uncollected = [test for test in results if test.index is None]
        # The first result counts: later ones cannot turn a failure into a pass.
        self._results = {test.index: test for test in results[::-1] if test.index is not None}

    def outcomes(self) -> list[TestOutcome]:
        listed = [TestOutcome(**test.model_dump(exclude={"index"})) for test in self._uncollected]
        running = self.running()
        for index, (name, isolated) in enumerate(self._tests or [(c, True) for c in self._cases]):
            told: dict[str, Any] = {"outcome": "not_run"}
            if index in self._results:
                told = self._results[index].model_dump(exclude={"index", "id"})
            elif index == running:
                told["message"] = "It was running when all ended."
            name = name if len(name) <= 200 else f"{name[:199]}…"
            listed.append(TestOutcome(id=name, isolated=isolated, **told))
        return listed

    def running(self) -> int | None:
        """Return the test that was begun and has no result."""
        if self._started is None or self._started in self._results:
            return None
        return self._started if 0 <= self._started < len(self._tests) else None

    def running_name(self) -> str | None:
        index = self.running()
        return None if index is None else self._tests[index][0]
