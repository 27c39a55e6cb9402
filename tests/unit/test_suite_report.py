"""The verdict on a test run, from what the sandbox reported."""

from __future__ import annotations

from typing import Any

import pytest

from bellglass.sandboxes.execution import Execution
from bellglass.tools.results import result_of
from bellglass.tools.run_tests.inside.failures import own_frames
from bellglass.tools.run_tests.report import run_of
from bellglass.tools.run_tests.text import run_text

COLLECTED = {"collected": ["a", "b"]}
FINISHED = {"finished": 0}


def outcome(index: int, word: str = "passed", **more: Any) -> dict[str, Any]:
    return {"tests": [{"index": index, "outcome": word, **more}]}


def execution(*report: Any, **more: Any) -> Execution:
    return Execution.model_validate({"status": "ok", "report": list(report), **more})


def test_a_run_in_which_all_passed_is_ok() -> None:
    run = run_of(execution(COLLECTED, outcome(0), outcome(1), FINISHED), "id", [])

    assert (run.ok, run.total, run.passed, run.error) == (True, 2, 2, None)
    assert (
        run_text(run, 60)
        == "All 2 tests passed (0.00 s).\nPassed: a, b\nisolated: false\nsession_id: id"
    )


WAY = "test_all.py:{0}: in test_{0}\n    load({0})\nlib.py:7: in load\n    import gone\nE   {1}"


def test_failures_that_come_from_one_place_are_explained_once() -> None:
    collected = {"collected": [f"test_{at}" for at in range(4)]}
    messages = ["No module 'gone'", "No module 'gone'", "another", "No module 'gone'"]
    report = [
        outcome(at, "failed", message=WAY.format(at, message))
        for at, message in enumerate(messages)
    ]
    text = run_text(run_of(execution(collected, *report, FINISHED), "id", []), 60)

    assert text.count("No module 'gone'") == 1
    assert "For the same cause 2 more: test_1, test_3" in text
    assert text.count("E   another") == 1


@pytest.mark.parametrize(
    ("report", "status", "said"),
    [
        ([], "ok", "before it had finished"),
        ([COLLECTED, outcome(0), outcome(1)], "ok", "before it had finished"),
        ([COLLECTED, outcome(0), FINISHED], "ok", "1 of 2 passed: 1 not run"),
        ([COLLECTED, outcome(0), outcome(1), FINISHED], "timeout", "Timed out after 60 s"),
        ([COLLECTED, outcome(0), outcome(1), FINISHED], "oom", "out of memory"),
        ([COLLECTED, outcome(0), outcome(1), FINISHED], "crashed", "SIGSEGV"),
        ([COLLECTED, outcome(0), outcome(1), FINISHED], "lost", "sandbox died"),
        ([COLLECTED, outcome(0), outcome(1), {"finished": 1}], "ok", "status 1"),
        ([COLLECTED, outcome(0), outcome(1, "failed"), FINISHED], "ok", "1 failed"),
        ([COLLECTED, outcome(0, "failed"), outcome(0), outcome(1), FINISHED], "ok", "1 failed"),
        ([COLLECTED, outcome(0, "skipped"), outcome(1, "skipped"), FINISHED], "ok", "2 skipped"),
        ([{"tests": [{"outcome": "error", "id": "m"}]}, FINISHED], "ok", "1 could not run"),
        ([{"finished": 5}], "ok", "No tests were found"),
        ([{"missing": True}, {"finished": 4}], "ok", "bellglass setup"),
        ([{"problem": "too bad"}, FINISHED], "ok", "too bad"),
        ([COLLECTED, outcome(0), outcome(1), FINISHED, {"tests": 1}], "ok", "malformed"),
        ([COLLECTED, outcome(0), outcome(1), FINISHED, "junk"], "ok", "malformed"),
    ],
)
def test_whatever_else_happens_is_not_ok_and_says_why(
    report: list[Any], status: str, said: str
) -> None:
    run = run_of(execution(*report, status=status, signal="SIGSEGV"), "id", [])

    assert not run.ok
    assert said in run_text(run, 60)


def test_a_test_that_was_running_at_the_end_is_named() -> None:
    report = [COLLECTED, {"started": 0}, outcome(0), {"started": 1}]

    run = run_of(execution(*report, status="timeout"), "id", [])

    assert run.timed_out
    assert [test.outcome for test in run.tests] == ["passed", "not_run"]
    assert "running" in (run.tests[1].message or "")


def test_cases_that_sent_nothing_are_not_run() -> None:
    report = [{"tests": [{"index": 0, "outcome": "passed"}]}, FINISHED]

    run = run_of(execution(*report), "id", ["case 1: f(1)", "case 2: f(2)"])

    assert [(test.id, test.outcome) for test in run.tests] == [
        ("case 1: f(1)", "passed"),
        ("case 2: f(2)", "not_run"),
    ]
    assert not run.ok


def test_of_a_crash_the_frames_in_the_code_are_shown() -> None:
    stack = (
        "Fatal Python error: Segmentation fault\n\n"
        '  File "/usr/lib/python3.11/ctypes/__init__.py", line 519 in string_at\n'
        '  File "/work/solution.py", line 3 in test_b\n'
        '  File "/usr/lib/python3/site-packages/pluggy/_callers.py", line 121 in _multicall\n'
    )

    said = own_frames(stack, "/work")

    assert '  File "solution.py", line 3 in test_b' in said
    assert "pluggy" not in said


def test_every_test_of_a_long_run_is_listed_by_name_and_outcome() -> None:
    names = [f"test_solution.py::test_f[{number}]" for number in range(4_000)]
    passed = [outcome(number, seconds=0.0004) for number in range(4_000)]

    run = run_of(execution({"collected": names}, *passed, FINISHED), "id", [])
    result = result_of(run, text := run_text(run, 60))

    assert result.structured_content is not None
    assert result.structured_content["tests"] == [
        {"id": name, "outcome": "passed"} for name in names
    ]
    assert run.notes == []
    assert len(text) < 4_000


@pytest.mark.slow
def test_a_long_run_stays_within_the_size_of_a_result() -> None:
    names = [f"test_{number}" for number in range(4_000)]
    report = [{"collected": names}] + [
        outcome(number, "failed" if number % 2 else "passed", message="é" * 4_000, stdout="x" * 99)
        for number in range(4_000)
    ]

    run = run_of(execution(*report, {"finished": 1}), "id", [])
    result = result_of(run, text := run_text(run, 60))

    assert (run.passed, run.failed) == (2_000, 2_000)
    assert len(result.model_dump_json()) < 700_000
    assert len(text) < 50_000
    assert "more results are not listed; they are counted." in text
    assert all(test.outcome == "failed" for test in run.tests)


def test_a_failure_reads_well() -> None:
    report = [
        {"collected": ["case 1: f(2)", "test_solution.py::test_a"]},
        outcome(0, "failed", expected="5", actual="4", stdout="hm"),
        outcome(1, "failed", message="test_solution.py:1: in test_a\nE   assert 1 == 2"),
        {"finished": 1},
    ]

    text = run_text(run_of(execution(*report, wall_seconds=0.5), "id", []), 60)

    assert text == (
        "0 of 2 passed: 2 failed (0.50 s).\n"
        "\nFAILED case 1: f(2)\nexpected: 5\nactual:   4\nstdout:\nhm\n"
        "\nFAILED test_solution.py::test_a\n"
        "test_solution.py:1: in test_a\nE   assert 1 == 2\n"
        "\nisolated: false\nsession_id: id"
    )
