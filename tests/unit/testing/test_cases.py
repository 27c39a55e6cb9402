"""What is reported of cases: calls of the code, and what each should return or raise."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from unit.testing.support import CODE, Run

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def test_cases_are_evaluated_in_the_code(run: Callable[..., Run]) -> None:
    code = f"""
{CODE}
class Odd(ValueError): ...
def odd(): raise Odd("hm")
async def later(): return 3
def loud(): print("out"); return (1, 2.0000000000001)
class Mute(Exception):
    def __repr__(self): raise SystemExit(0)
    __str__ = __repr__
def mute(): raise Mute
"""
    cases: list[dict[str, Any]] = [
        {"call": "add(2, 3)", "expected": 5},
        {"call": "add(2, 2)", "expected": 5},
        {"call": "add()", "raises": "TypeError"},
        {"call": "odd()", "raises": "ValueError"},
        {"call": "odd()", "raises": "KeyError"},
        {"call": "odd()", "expected": 1},
        {"call": "add(1, 1)", "raises": "ValueError"},
        {"call": "exit(0)", "expected": None},
        {"call": "later()", "expected": 3},
        {"call": "await later()", "expected": 3},
        {"call": "loud()", "expected": [1, 2]},
        {"call": "print(", "expected": 1},
        {"call": "Mute()", "expected": 1},
        {"call": "mute()", "expected": 1},
    ]

    result = run(code, cases=cases)

    expected = ["passed", "failed", "passed", "passed", "failed", "failed", "failed", "failed"]
    assert result.outcomes() == [
        *expected,
        "passed",
        "passed",
        "passed",
        "error",
        "failed",
        "failed",
    ]
    events = result.all("test")
    assert (events[1]["expected"], events[1]["actual"]) == ("5", "4")
    assert events[4]["expected"] == "raises KeyError"
    assert events[4]["actual"] == "raises Odd: hm"
    assert 'File "solution.py", line 6, in odd' in events[5]["message"]
    assert events[6]["actual"] == "2"
    assert events[7]["actual"] == "raises SystemExit: 0"
    assert events[10]["stdout"] == "out\n"
    assert "never closed" in events[11]["message"]
    assert events[12]["actual"] == "Mute()"
    assert events[13]["actual"] == "raises Mute: <Mute that cannot be shown: SystemExit>"
    assert result.finished == 0


def test_code_that_cannot_be_imported_fails_every_case(run: Callable[..., Run]) -> None:
    result = run("exit()", cases=[{"call": "1", "expected": 1}, {"call": "2", "expected": 2}])

    assert result.outcomes() == ["error", "error"]
    assert "SystemExit" in result.all("test")[0]["message"]


def test_cases_come_first_and_tests_do_not_see_what_they_changed(run: Callable[..., Run]) -> None:
    result = run(
        "items = []\ndef put(x): items.append(x); return items",
        cases=[{"call": "put(1)", "expected": [1]}, {"call": "put(2)", "expected": [1, 2]}],
        tests="from solution import items\ndef test_a(): assert items == []",
    )

    assert result.outcomes() == ["passed", "passed", "passed"]


def test_without_pytest_cases_still_run(run: Callable[..., Run], tmp_path: Path) -> None:
    (tmp_path / "pytest.py").write_text("raise ImportError(name='pytest')")

    result = run(CODE, cases=[{"call": "1", "expected": 1}], tests="")

    assert result.outcomes() == ["passed"]
    assert result.all("missing") == [True]
