"""What is reported of a suite for pytest."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from unit.testing.support import CODE, Run

if TYPE_CHECKING:
    from collections.abc import Callable


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


def test_code_that_leaves_while_it_is_imported_never_finishes(run: Callable[..., Run]) -> None:
    result = run("import os; os._exit(0)\ndef test_a(): ...")

    assert result.finished is None
    assert "as os._exit() would do" in result.all("problem")[0]


def test_a_test_that_leaves_has_failed_and_the_others_run(run: Callable[..., Run]) -> None:
    result = run("def test_a(): pass\ndef test_b(): import os; os._exit(0)\ndef test_c(): pass")

    assert result.outcomes() == ["passed", "failed", "passed"], result
    assert result.all("test")[1]["cause"] == "crashed"
    assert result.finished == 1


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
    told = tmp_path.with_name(f"{tmp_path.name}-told")
    tests = f"def test_a(tmp_path): open({str(told)!r}, 'w').write(__file__)"

    run(tests=tests, cases=[{"call": "1", "expected": 1}])

    assert told.read_text().endswith("/test_solution.py")
    assert not Path(told.read_text()).parent.exists()
    assert list(tmp_path.iterdir()) == []
