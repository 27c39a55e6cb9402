"""Text of a test run for a model: the counts, then each failure, then the rest."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from bellglass.tools.error_text import shortened

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bellglass.tools.results import TestOutcome, TestRun

MAX_FAILURE_CHARACTERS = 3_000
MAX_FAILURES_CHARACTERS = 12_000
MAX_FAILURES = 10
"""Failures with different causes that are told in full."""
MAX_LIST_CHARACTERS = 1_500


def run_text(run: TestRun, timeout: float) -> str:
    """Return the run in words."""
    isolated = f"isolated: {str(run.isolated).lower()}"
    return "\n".join([*_parts(run, timeout), isolated, f"session_id: {run.session_id}"])


def _parts(run: TestRun, timeout: float) -> Iterator[str]:
    yield _counts(run)
    if run.timed_out:
        yield f"Timed out after {timeout:g} s; what had finished is reported."
    if run.error is not None:
        yield shortened(run.error, MAX_FAILURE_CHARACTERS)
    yield from _failures([test for test in run.tests if test.outcome in ("failed", "error")])
    for word, outcome in (("Not run", "not_run"), ("Skipped", "skipped"), ("Passed", "passed")):
        names = [
            f"{test.id} ({test.message})" if outcome != "passed" and test.message else test.id
            for test in run.tests
            if test.outcome == outcome
        ]
        if names:
            yield f"{word}: {_listed(names)}"
    for covered in run.coverage or ():
        lines, missing = covered["lines"], covered["missing"]
        text = f"Coverage of {covered['file']}: {lines - len(missing)} of {lines} lines"
        yield f"{text}; missed {shortened(ranges(missing), 500)}" if missing else text
    for note in run.notes:
        yield f"Note: {note}"


def _counts(run: TestRun) -> str:
    others = [
        f"{count} {word}"
        for count, word in (
            (run.failed, "failed"),
            (run.errors, "could not run"),
            (run.skipped, "skipped"),
            (run.not_run, "not run"),
        )
        if count
    ]
    if not run.total:
        return "No test ran."
    if not others and run.ok:
        whole = "The test" if run.total == 1 else f"All {run.total} tests"
        return f"{whole} passed ({run.seconds:.2f} s)."
    details = f": {', '.join(others)}" if others else ""
    return f"{run.passed} of {run.total} passed{details} ({run.seconds:.2f} s)."


def _failures(failures: list[TestOutcome]) -> Iterator[str]:
    """Yield each cause once, with the names of all tests that failed because of it."""
    causes: dict[str, list[TestOutcome]] = {}
    for test in failures:
        causes.setdefault(_cause(test), []).append(test)
    room = MAX_FAILURES_CHARACTERS
    told = 0
    untold: list[str] = []
    for first, *others in causes.values():
        text = _failure(first)
        if others:
            names = _listed([test.id for test in others])
            text += f"\nFor the same cause {len(others)} more: {names}"
        room -= len(text)
        if room < 0 or told == MAX_FAILURES:
            untold += [test.id for test in (first, *others)]
        else:
            told += 1
            yield text
    if untold:
        yield f"\n{len(untold)} more failed: {_listed(untold)}"
    if failures:
        yield ""


def _listed(names: list[str]) -> str:
    """Return names in a row, each without what it has in common with the one before.

    Of `a.py::f[1]`, `a.py::f[2]` and `a.py::g` that is `a.py::f[1], [2], ::g`.
    """
    parts = []
    before = ""
    for name in names:
        start = 0
        for mark in ("::", "["):
            at = name.find(mark)
            if at > 0 and before.startswith(name[: at + len(mark)]):
                start = at
        parts.append(name[start:])
        before = name
    return shortened(", ".join(parts), MAX_LIST_CHARACTERS)


_VARYING = re.compile(
    r"0x[0-9a-f]{1,16}|-?\d{1,400}(?:\.\d{1,400})?|'[^'\n]{0,400}'|\"[^\"\n]{0,400}\""
)
"""Parts that differ between failures with the same cause: numbers and texts."""


_PLACE = re.compile(
    r'^(?:\S[^\n]{0,300}:\d{1,9}: in | {1,9}File "[^\n]{0,300}, line \d)', re.MULTILINE
)
"""A frame in a traceback, as pytest or Python write it."""


def _cause(test: TestOutcome) -> str:
    """Return a text that is equal for failures with the same cause; without a cause, the name.

    For an exception that is its last frame and its message, because other frames may differ.
    """
    if not test.message:
        return f"id {test.id}"
    message = test.message[:MAX_FAILURE_CHARACTERS]
    places = [found.start() for found in _PLACE.finditer(message)]
    return f"{test.outcome} {_VARYING.sub('#', message[places[-1] if places else 0 :])}"


def _failure(test: TestOutcome) -> str:
    lines = [f"\n{test.outcome.upper()} {test.id}"]
    if test.expected is not None:
        lines.append(f"expected: {shortened(test.expected, MAX_FAILURE_CHARACTERS // 2)}")
    if test.actual is not None:
        lines.append(f"actual:   {shortened(test.actual, MAX_FAILURE_CHARACTERS // 2)}")
    if test.message:
        lines.append(shortened(test.message.strip("\n"), MAX_FAILURE_CHARACTERS))
    if test.stdout:
        lines.append(f"stdout:\n{shortened(test.stdout.rstrip(), MAX_FAILURE_CHARACTERS // 2)}")
    return "\n".join(lines)


def ranges(numbers: list[int]) -> str:
    """Return line numbers as ranges: 3-5, 9."""
    parts: list[list[int]] = []
    for number in sorted(numbers):
        if parts and number == parts[-1][1] + 1:
            parts[-1][1] = number
        else:
            parts.append([number, number])
    return ", ".join(f"{low}" if low == high else f"{low}-{high}" for low, high in parts)
