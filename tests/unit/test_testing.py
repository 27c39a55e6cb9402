"""What the runner reports of tests, in a process of their own as in a session."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

Event = dict[str, Any]

PROGRAM = """
import json, os, sys
from bellglass.sandboxes.runner.testing import suite

def send(event, file=os.fdopen(int(sys.argv[1]), "w")):
    file.write(json.dumps(event) + "\\n")
    file.flush()

suite.run(json.load(sys.stdin), send)
"""

CODE = "def add(a, b):\n    return a + b\n"


class Run:
    """The events of one run, and how its process ended."""

    def __init__(self, events: list[Event], exit_code: int) -> None:
        self.events = events
        self.exit_code = exit_code

    def all(self, name: str) -> list[Any]:
        return [event[name] for event in self.events if name in event]

    def outcomes(self) -> list[str]:
        return [test["outcome"] for test in self.all("case") + self.all("test")]

    @property
    def finished(self) -> int | None:
        return next(iter(self.all("finished")), None)


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., Run]:
    def run_tests(code: str = CODE, **arguments: Any) -> Run:
        reader, writer = os.pipe()
        process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(writer)],
            pass_fds=[writer],
            cwd=tmp_path,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(writer)
        with open(reader) as events, process:
            assert process.stdin is not None
            process.stdin.write(json.dumps({"code": code, **arguments}).encode())
            process.stdin.close()
            lines = events.read().splitlines()
        return Run([json.loads(line) for line in lines], process.returncode)

    return run_tests


# --- pytest


def test_every_test_is_reported_as_it_ends(run: Callable[..., Run]) -> None:
    tests = """
from solution import add
import pytest

def test_right():
    assert add(2, 3) == 5

def test_wrong():
    print("so far")
    assert add(2, 3) == 6

@pytest.mark.skip(reason="not yet")
def test_later(): ...

@pytest.mark.xfail(reason="known")
def test_known(): assert False

def test_unready(nothing): ...

@pytest.fixture
def broken():
    yield
    raise ValueError("torn")

def test_torn(broken): ...
"""

    result = run(tests=tests)

    names = ["right", "wrong", "later", "known", "unready", "torn"]
    assert result.all("collected") == [[f"test_solution.py::test_{name}" for name in names]]
    assert [test["index"] for test in result.all("test")] == list(range(6))
    assert result.outcomes() == ["passed", "failed", "skipped", "skipped", "error", "error"]
    wrong, later, known, unready, torn = result.all("test")[1:]
    assert wrong["message"].splitlines() == [
        "test_solution.py:10: in test_wrong",
        "    assert add(2, 3) == 6",
        "E   assert 5 == 6",
        "E    +  where 5 = add(2, 3)",
    ]
    assert wrong["stdout"] == "so far\n"
    assert (later["message"], known["message"]) == ("not yet", "expected to fail: known")
    assert "fixture 'nothing' not found" in unready["message"]
    assert "ValueError: torn" in torn["message"]
    assert result.finished == 1


def test_without_tests_those_in_the_code_run_with_explained_assertions(
    run: Callable[..., Run],
) -> None:
    result = run("def test_a():\n    x = [1, 2]\n    assert x == [1, 3]\n")

    (test,) = result.all("test")
    assert result.all("collected") == [["solution.py::test_a"]]
    assert "At index 1 diff: 2 != 3" in test["message"]


def test_unittest_and_parametrized_tests_and_fixtures_work(run: Callable[..., Run]) -> None:
    tests = """
import unittest, pytest
class Old(unittest.TestCase):
    def test_old(self): self.assertEqual(1, 2)
@pytest.mark.parametrize("x", [1, 2])
def test_new(x, tmp_path, capsys, monkeypatch): assert x == 1
"""

    assert run(tests=tests).outcomes() == ["failed", "passed", "failed"]


@pytest.mark.parametrize(
    ("code", "tests", "message"),
    [
        ("def f(:", "import solution", '  File "solution.py", line 1\n    def f(:'),
        (CODE, "from solution import sub", "ImportError: cannot import name 'sub'"),
        (CODE, "def f(:", '  File "test_solution.py", line 1'),
        (CODE, "import no_such_module", "ModuleNotFoundError: No module named 'no_such_module'"),
        ("1 / 0", "import solution", "ZeroDivisionError: division by zero"),
    ],
)
def test_what_cannot_be_imported_is_an_error_in_its_own_words(
    run: Callable[..., Run], code: str, tests: str, message: str
) -> None:
    result = run(code, tests=tests)

    (test,) = result.all("test")
    assert test["outcome"] == "error"
    assert message in test["message"]
    assert "importlib" not in test["message"]
    assert result.finished == 2
    assert result.all("problem") == []


def test_exit_while_importing_is_explained(run: Callable[..., Run]) -> None:
    result = run("import sys\nsys.exit(0)\ndef test_a(): ...")

    assert "__main__" in result.all("problem")[0]
    assert result.finished == 3


@pytest.mark.parametrize("place", ["", "def test_a(): ", "def test_a(): pass\ndef test_b(): "])
def test_a_process_that_leaves_never_finishes(run: Callable[..., Run], place: str) -> None:
    result = run(f"{place}import os; os._exit(0)")

    assert result.finished is None
    assert result.exit_code == 0


def test_a_forked_child_does_not_report(run: Callable[..., Run]) -> None:
    tests = "import os\ndef test_a():\n    os.fork()\ndef test_b(): ..."

    result = run(tests=tests)

    assert result.outcomes() == ["passed", "passed"]
    assert result.all("finished") == [0]


def test_nothing_to_collect_is_status_five(run: Callable[..., Run]) -> None:
    assert run(CODE).finished == 5


def test_settings_and_files_around_do_not_reach_the_tests(
    run: Callable[..., Run], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTEST_ADDOPTS", "--collect-only")
    (tmp_path / "conftest.py").write_text("raise SystemExit")
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = --nonsense")
    (tmp_path / "helper.py").write_text("value = 7")
    (tmp_path / "data.txt").write_text("8")

    result = run("import helper\ndef test_a(): assert helper.value < int(open('data.txt').read())")

    assert result.outcomes() == ["passed"]


def test_long_messages_and_output_are_cut(run: Callable[..., Run]) -> None:
    result = run(
        "def test_a():\n    print('x' * 100_000)\n    assert not 'a' * 1_000_000, 'b' * 1_000_000"
    )

    (test,) = result.all("test")
    assert len(test["message"]) < 9_000
    assert len(test["stdout"]) < 3_000


def test_the_report_stays_within_what_the_runner_takes(run: Callable[..., Run]) -> None:
    text = "é" * 3_000
    code = (
        "import pytest\n@pytest.mark.parametrize('x', range(500))\n"
        f"def test_a(x): assert 0, '{text}'"
    )
    cases = [{"call": f"print({text!r}) or {text!r}", "expected": 1}] * 500

    result = run(code, cases=cases, tests=code)

    assert result.outcomes() == ["failed"] * 1_000
    assert len(json.dumps(result.events)) < 4 * 1024**2
    assert "left out" in result.all("test")[-1]["message"]


def test_too_many_tests_are_refused(run: Callable[..., Run]) -> None:
    code = "import pytest\n@pytest.mark.parametrize('x', range(4001))\ndef test_a(x): ..."

    assert "more than 4,000" in run(code).all("problem")[0]


def test_nothing_is_left_behind(run: Callable[..., Run], tmp_path: Path) -> None:
    before = set(Path("/tmp").glob("tests-*"))

    run("def test_a(tmp_path): ...", cases=[{"call": "1", "expected": 1}])

    assert set(Path("/tmp").glob("tests-*")) <= before
    assert list(tmp_path.iterdir()) == []


# --- cases


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
    events = result.all("case")
    assert (events[1]["expected"], events[1]["actual"]) == ("5", "4")
    assert events[4]["expected"] == "raises KeyError"
    assert events[4]["actual"] == "raises Odd: hm"
    assert 'File "solution.py", line 6, in odd' in events[5]["message"]
    assert events[6]["actual"] == "2"
    assert events[7]["actual"] == "raises SystemExit: 0"
    assert events[10]["stdout"] == "out\n"
    assert "never closed" in events[11]["message"]
    assert events[12]["actual"] == "<Mute that cannot be shown: SystemExit>"
    assert events[13]["actual"] == "raises Mute: <Mute that cannot be shown: SystemExit>"
    assert result.finished == 0


def test_code_that_cannot_be_imported_fails_every_case(run: Callable[..., Run]) -> None:
    result = run("exit()", cases=[{"call": "1", "expected": 1}, {"call": "2", "expected": 2}])

    assert result.outcomes() == ["error", "error"]
    assert "SystemExit" in result.all("case")[0]["message"]


def test_cases_come_first_and_tests_do_not_see_what_they_changed(run: Callable[..., Run]) -> None:
    result = run(
        "items = []\ndef put(x): items.append(x); return items",
        cases=[{"call": "put(1)", "expected": [1]}, {"call": "put(2)", "expected": [1, 2]}],
        tests="from solution import items\ndef test_a(): assert items == []",
    )

    assert result.outcomes() == ["passed", "passed", "passed"]


def test_without_pytest_cases_still_run(run: Callable[..., Run], tmp_path: Path) -> None:
    hide = "import sys\nsys.modules['pytest'] = None\n"

    result = run(hide, cases=[{"call": "1", "expected": 1}], tests="")

    assert result.outcomes() == ["passed"]
    assert result.all("missing") == [True]
