"""Reports of cases: calls of the code, and what each should return or raise."""

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
    events = result.tests()
    assert (events[1]["expected"], events[1]["actual"]) == ("5", "4")
    assert events[4]["expected"] == "raises KeyError"
    assert events[4]["actual"] == "raises Odd: hm"
    assert 'File "solution.py", line 6, in odd' in events[5]["message"]
    assert events[6]["actual"] == "2"
    assert events[7]["actual"] == "raises SystemExit: 0"
    assert events[10]["stdout"] == "out\n"
    assert "never closed" in events[11]["message"]
    assert events[12]["actual"] == "<Mute that cannot be shown: SystemExit>"
    assert "an object of type Mute, which is not plain data" in events[12]["message"]
    assert events[13]["actual"] == "raises Mute: <Mute that cannot be shown: SystemExit>"
    assert result.finished == 0


def test_code_that_cannot_be_imported_fails_every_case(run: Callable[..., Run]) -> None:
    result = run("exit()", cases=[{"call": "1", "expected": 1}, {"call": "2", "expected": 2}])

    assert result.outcomes() == ["error", "error"]
    assert "SystemExit" in result.tests()[0]["message"]


def test_cases_come_first_and_tests_do_not_see_what_they_changed(run: Callable[..., Run]) -> None:
    result = run(
        "items = []\ndef put(x): items.append(x); return items",
        cases=[{"call": "put(1)", "expected": [1]}, {"call": "put(2)", "expected": [1, 2]}],
        tests="from solution import items\ndef test_a(): assert items == []",
    )

    assert result.outcomes() == ["passed", "passed", "passed"]


def test_a_case_that_hangs_or_dies_costs_only_itself(run: Callable[..., Run]) -> None:
    code = "import os, time\ndef f(x):\n    if x == 1: time.sleep(99)\n"
    code += "    if x == 2: os._exit(0)\n    return x\n"
    cases = [{"call": f"f({x})", "expected": x} for x in range(4)]

    result = run(code, cases=cases, test_timeout=2)

    assert result.outcomes() == ["passed", "failed", "failed", "passed"]
    assert [test.get("cause") for test in result.tests()] == [None, "timeout", "crashed", None]


def test_a_program_is_run_as_people_run_it(run: Callable[..., Run], tmp_path: Path) -> None:
    (tmp_path / "data.txt").write_text("7")
    code = "import sys\nif __name__ == '__main__':\n"
    code += "    print(sys.argv, __file__, open('data.txt').read(), input())\n"
    cases = [
        {"stdin": "x\n", "stdout": f"['solution.py'] {tmp_path}/solution.py 7 x"},
        {"stdin": "", "stdout": ""},
    ]

    result = run(code, cases=cases)

    assert result.outcomes() == ["passed", "failed"], result
    assert 'File "solution.py", line 3' in result.tests()[1]["message"]


def test_without_pytest_cases_still_run(run: Callable[..., Run], tmp_path: Path) -> None:
    (tmp_path / "pytest.py").write_text("raise ImportError(name='pytest')")

    result = run(CODE, cases=[{"call": "1", "expected": 1}], tests="")

    assert result.outcomes() == ["passed"]
    assert result.all("missing") == [True]


def test_programs_are_compared_by_what_they_print(run: Callable[..., Run]) -> None:
    code = "n = int(input())\nfor i in range(n): print(i, end=' ' if i < n - 1 else '\\n')"
    cases = [
        {"stdin": "3\n", "stdout": "0 1 2"},
        {"stdin": "3\n", "stdout": "0 1 3"},
        {"stdin": "1\n", "stdout": "0\n1\n2"},
        {"stdin": "2\n", "stdout": ""},
        {"stdin": "x", "stdout": ""},
    ]

    result = run(code, cases=cases)

    passed, *others = result.tests()
    assert passed["outcome"] == "passed"
    for test, said in zip(
        others,
        (
            "Line 1 differs: expected '0 1 3', got '0 1 2'.",
            "Line 2 is missing: '1', and 1 more.",
            "Line 1 is one too many: '0 1'.",
            "ValueError: invalid literal",
        ),
        strict=True,
    ):
        assert test["outcome"] == "failed"
        assert said in test["message"]
