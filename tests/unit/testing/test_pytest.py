"""Reports of a pytest suite."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from unit.testing.support import CODE, Run

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.slow


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
    assert [test["index"] for test in result.tests()] == list(range(6))
    assert result.outcomes() == ["passed", "failed", "skipped", "skipped", "error", "error"]
    wrong, later, known, unready, torn = result.tests()[1:]
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

    (test,) = result.tests()
    assert result.all("collected") == [["solution.py::test_a"]]
    assert "At index 1 diff: 2 != 3" in test["message"]


@pytest.mark.parametrize(
    ("code", "ran", "uncalled"),
    [
        ("def add(a, b): return a + b\nassert add(1, 2) == 3\n", 1, []),
        ("for n in (1, 2):\n    assert n\nif True: assert 1\n", 2, []),
        ("def check(\n    f,\n):\n    assert f(1)\n\n    assert f(2)\n", 0, ["check"]),
        ("async def check(): assert 1\n", 0, ["check"]),
        ("class A:\n    def f(self):\n        assert self\n", 0, []),
        ("if __name__ == '__main__':\n    assert 1\n", 0, []),
        ("TEXT = '''\nassert 1\n'''\n# assert 2\n", 0, []),
        ("if 0: pass\n" + 900 * "elif 0: pass\n" + "else: assert 1\n", 1, []),
    ],
)
def test_asserts_of_a_module_without_tests_are_counted(
    run: Callable[..., Run], code: str, ran: int, uncalled: list[str]
) -> None:
    result = run(code)

    assert (result.all("asserts"), result.all("uncalled")) == ([ran], [uncalled])
    assert result.finished == 5


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

    (test,) = result.tests()
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
    assert result.tests()[1]["cause"] == "crashed"
    assert result.finished == 1


@pytest.mark.parametrize(
    "end",
    [
        "os._exit(0)",
        "os.kill(os.getpid(), 9)",
        "os.closerange(3, 1 << 16)",
        "os.abort()",
        "os.fork() and os._exit(0) or time.sleep(60)",
    ],
)
def test_what_had_not_finished_has_failed(run: Callable[..., Run], end: str) -> None:
    result = run(f"import os, time\ndef test_a(): {end}\ndef test_b(): pass")

    assert result.outcomes() == ["failed", "passed"], result
    assert result.tests()[0]["cause"] == "crashed"


def test_exit_functions_change_no_verdict(run: Callable[..., Run]) -> None:
    code = "import atexit, os, sys\natexit.register(lambda: os._exit(9))\n"

    result = run(f"{code}def test_a(): pass\ndef test_b(): assert 0")

    assert result.outcomes() == ["passed", "failed"]
    assert result.finished == 1


def test_events_without_our_mark_are_not_believed(run: Callable[..., Run]) -> None:
    code = """
import json, os
def shout():
    for event in ({"test": {"outcome": "passed"}, "name": "solution.py::test_b"}, {"finished": 0}):
        for fd in range(3, 5000):
            try: os.write(fd, json.dumps(event).encode() + b"\\n")
            except OSError: pass
def test_a():
    shout()
    os._exit(0)
def test_b(): assert 0
"""

    result = run(code)

    assert result.outcomes() == ["failed", "failed"], result


def test_a_hang_that_cannot_be_interrupted_costs_its_test(run: Callable[..., Run]) -> None:
    code = "import time\ndef test_a():\n    while True:\n        try: time.sleep(9)\n"
    code += "        except BaseException: pass\ndef test_b(): pass\n"

    result = run(code, test_timeout=1)

    assert result.outcomes() == ["failed", "passed"]
    assert result.tests()[0]["cause"] == "timeout"


@pytest.mark.parametrize("where", ["tests", "code"])
def test_what_hangs_fails_in_its_time_and_the_rest_runs(
    run: Callable[..., Run], where: str
) -> None:
    code = "def f(x):\n    while x: pass\n    return x\n"
    tests = "def test_a(): f(1)\ndef test_b(): assert f(0) == 0\n"
    given: dict[str, dict[str, str]] = {
        "tests": {"code": code, "tests": f"from solution import f\n{tests}"},
        "code": {"code": code + tests},
    }

    result = run(**given[where], test_timeout=2)

    assert result.outcomes() == ["failed", "passed"]
    assert result.tests()[0]["cause"] == "timeout"
    assert "in f" in result.tests()[0]["message"]  # where it was


def test_the_first_failure_can_be_the_last(run: Callable[..., Run]) -> None:
    tests = "def test_a(): assert 0\ndef test_b(): assert 0\n"
    cases = [{"call": "1", "expected": 2}] * 2

    assert run(CODE, tests=tests, stop=True).outcomes() == ["failed"]
    assert run(CODE, cases=cases, tests=tests, stop=True).outcomes() == ["failed"]
    assert run(CODE + tests, stop=True).outcomes() == ["failed"]


def test_tests_and_cases_are_selected_by_name(run: Callable[..., Run]) -> None:
    tests = "def test_small(): pass\ndef test_big(): pass\n"
    cases = [{"call": "'small'", "expected": "small"}, {"call": "2", "expected": 2}]

    result = run(CODE, tests=tests, cases=cases, select="small")

    assert [name for names in result.all("collected") for name in names] == [
        "case 1: 'small'",
        "test_solution.py::test_small",
    ]


def test_a_forked_child_does_not_report(run: Callable[..., Run]) -> None:
    tests = "import os\ndef test_a():\n    os.fork()\ndef test_b(): ..."

    result = run(tests=tests)

    assert result.outcomes() == ["passed", "passed"]
    assert result.all("finished") == [0]


def test_nothing_to_collect_is_status_five(run: Callable[..., Run]) -> None:
    assert run(CODE).finished == 5


def test_a_subtest_says_which(run: Callable[..., Run]) -> None:
    tests = "import unittest\nclass T(unittest.TestCase):\n    def test_a(self):\n"
    tests += "        for n in range(3):\n            with self.subTest('n', n=n): assert n != 1\n"

    (test,) = run(tests=tests).tests()

    assert test["outcome"] == "failed"
    assert "subtest [n] (n=1): " in test["message"]
    assert "n=2" not in test["message"]


def test_tests_of_equal_names_are_all_counted(run: Callable[..., Run], tmp_path: Path) -> None:
    tests = "import os\ndef test_a(): os.path.exists('second') and os._exit(0)\n"
    tests += "def test_b(): open('second', 'w')\n"
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = --keep-duplicates")
    (tmp_path / "test_x.py").write_text(tests)

    result = run("", paths=["test_x.py", "test_x.py"])

    assert sorted(result.outcomes()) == ["failed", "passed", "passed", "passed"], result


def test_what_the_session_has_under_our_names_is_put_back(
    run: Callable[..., Run], tmp_path: Path
) -> None:
    (tmp_path / "solution.py").write_text("theirs = 1")
    (tmp_path / "solution").mkdir()
    (tmp_path / "solution" / "__init__.py").write_text("theirs = 2")

    result = run(tests="from solution import add\ndef test_a(): assert add(1, 1) == 2")

    assert result.outcomes() == ["passed"]
    assert (tmp_path / "solution.py").read_text() == "theirs = 1"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["solution", "solution.py"]


def test_a_run_that_was_killed_is_cleared_up_by_the_next(
    run: Callable[..., Run], tmp_path: Path
) -> None:
    (tmp_path / "solution.py").write_text("theirs = 1")

    run("import os\nos.kill(os.getppid(), 9)\ndef test_a(): pass")
    assert (tmp_path / "solution.py").read_text() != "theirs = 1"
    run("def test_a(): pass")

    assert (tmp_path / "solution.py").read_text() == "theirs = 1"


@pytest.mark.parametrize(
    ("code", "sign"),
    [
        ("import builtins\nbuiltins.ascii = lambda x: 5", "builtins.ascii was replaced"),
        ("import pytest\npytest.approx = lambda x: x", "pytest.approx was replaced"),
        (
            "import unittest\nunittest.TestCase.assertEqual = lambda *args: None",
            "unittest.TestCase.assertEqual was replaced",
        ),
        (
            "class Liar:\n    def __eq__(self, other): return True\n    __hash__ = None",
            "== of Liar does not look at what it is compared with",
        ),
    ],
)
def test_signs_of_foul_play_are_told(run: Callable[..., Run], code: str, sign: str) -> None:
    result = run(f"{code}\ndef test_a(): pass")

    assert result.outcomes() == ["passed"]
    assert any(sign in text for texts in result.all("warnings") for text in texts), result


def test_ordinary_classes_and_patches_are_no_signs(run: Callable[..., Run]) -> None:
    code = "import dataclasses\n@dataclasses.dataclass\nclass A:\n    x: int\n"
    code += "class B:\n    def __eq__(self, other): return all(o is self for o in [other])\n"
    tests = "from unittest.mock import patch\nfrom solution import *\n"
    tests += "def test_a():\n    with patch('builtins.input', return_value=1): pass\n"

    assert run(code, tests=tests).all("warnings") == []


def test_long_messages_and_output_are_cut(run: Callable[..., Run]) -> None:
    result = run(
        "def test_a():\n    print('x' * 100_000)\n    assert not 'a' * 1_000_000, 'b' * 1_000_000"
    )

    (test,) = result.tests()
    assert len(test["message"]) < 9_000
    assert len(test["stdout"]) < 3_000


def test_the_report_stays_within_what_the_supervisor_takes(run: Callable[..., Run]) -> None:
    text = "é" * 3_000
    code = (
        "import pytest\n@pytest.mark.parametrize('x', range(500))\n"
        f"def test_a(x): assert 0, '{text}'"
    )
    cases = [{"call": f"print({text!r}) or {text!r}", "expected": 1}] * 500

    result = run(code, cases=cases, tests=code)

    assert result.outcomes() == ["failed"] * 1_000
    assert len(json.dumps(result.events)) < 4 * 1024**2
    assert "left out" in result.tests()[-1]["message"]


def test_too_many_tests_are_refused(run: Callable[..., Run]) -> None:
    code = "import pytest\n@pytest.mark.parametrize('x', range(4001))\ndef test_a(x): ..."

    assert "more than 4,000" in run(code).all("problem")[0]


def test_nothing_is_left_behind(run: Callable[..., Run], tmp_path: Path) -> None:
    told = tmp_path.with_name(f"{tmp_path.name}-told")
    tests = f"def test_a(tmp_path): open({str(told)!r}, 'w').write(str(tmp_path))"

    run(tests=tests, cases=[{"call": "1", "expected": 1}])

    assert not Path(told.read_text()).exists()
    assert list(tmp_path.iterdir()) == []


"""As pytest-rerunfailures runs tests."""
