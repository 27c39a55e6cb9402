"""What tests can do with code in another process: all that they do with code beside them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from unit.testing.support import Run

CODE = """
import collections, enum, dataclasses, os
class MyError(ValueError):
    def __init__(self, text, code): super().__init__(text); self.code = code
def add(a, b): return a + b
def sort(items): items.sort(); return items
def grow(grid): grid[0].append(1); return grid
def fail(): raise MyError("bad", 7)
def divide(a): return 1 / a
class Vec:
    '''A vector.'''
    def __init__(self, x, y): self.x, self.y = x, y
    def __add__(self, other): return Vec(self.x + other.x, self.y + other.y)
    def __eq__(self, other): return (self.x, self.y) == (other.x, other.y)
    def __repr__(self): return f"Vec({self.x}, {self.y})"
    def __len__(self): return 2
    def __iter__(self): return iter((self.x, self.y))
    def norm(self): return (self.x ** 2 + self.y ** 2) ** .5
    @property
    def double(self): return self.x * 2
    @classmethod
    def zero(cls): return cls(0, 0)
class Color(enum.Enum):
    RED = "r"
    BLUE = "b"
class Number(enum.IntEnum):
    ONE = 1
Point = collections.namedtuple("Point", "x y")
def point(): return Point(1, 2)
def count(n):
    for i in range(n): yield i
async def later(a, b): return a + b
def each(function, items): return [function(item) for item in items]
class Suppress:
    def __enter__(self): return 5
    def __exit__(self, *args): return True
def ask(): return input("name? ")
def hello(): print("hello")
@dataclasses.dataclass
class Box:
    size: int
    items: list
def leave(): os._exit(3)
CACHE = {}
def cached(x): CACHE[x] = 1; return x
def around(): return os.environ.get("FOO"), os.getcwd()
def read(file): return [line.strip() for line in file]
"""

TESTS = {
    "values": "assert add(2, 3) == 5 and add(1 << 99, 1) > 1 << 99 and add((1,), ()) == (1,)",
    "a list that is sorted in place": (
        "items = [3, 1, 2]; other = sort(items); assert items == [1, 2, 3] and other is items"
    ),
    "aliases": "row = []; grid = [row, row]; assert grow(grid) is grid and row == grid[1] == [1]",
    "an exception of the code": (
        "with pytest.raises(MyError, match='^bad$') as e: fail()\n"
        "    assert e.value.code == 7 and isinstance(e.value, ValueError)"
    ),
    "an exception of Python": (
        "with pytest.raises(ZeroDivisionError, match='^division by zero$'): divide(0)"
    ),
    "an object": (
        "v = Vec(1, 2) + Vec(3, 4); assert v == Vec(4, 6) and v.norm() > 7 and v.double == 8\n"
        "    assert repr(v) == 'Vec(4, 6)' and isinstance(v, Vec) and list(v) == [4, 6]\n"
        "    v.x = 9; assert v.x == 9 and len(v) == 2 and Vec.zero().x == 0"
    ),
    "enums": (
        "assert solution.Color.RED is solution.Color('r') and solution.Color['BLUE'].value == 'b'\n"
        "    assert [c.name for c in solution.Color] == ['RED', 'BLUE']\n"
        "    assert solution.Number.ONE == 1 and solution.Number.ONE + 1 == 2"
    ),
    "a named tuple": "p = point(); assert p == (1, 2) and p.x == 1 and p[1] == 2",
    "a generator": "assert list(count(3)) == [0, 1, 2] and sum(count(4)) == 6",
    "a coroutine": "assert asyncio.run(later(1, 2)) == 3",
    "a callback": (
        "seen = []; assert each(lambda x: seen.append(x) or x * 2, [1, 2]) == [2, 4]\n"
        "    assert seen == [1, 2] and each(str, [1]) == ['1'] and each(len, ['ab']) == [2]"
    ),
    "an exception of a callback": "with pytest.raises(KeyError): each({}.__getitem__, [1])",
    "an exception that a with block takes": (
        "with solution.Suppress() as x: raise RuntimeError\n    assert x == 5"
    ),
    "input": "monkeypatch.setattr('builtins.input', lambda p: p[:4]); assert ask() == 'name'",
    "standard input": (
        "monkeypatch.setattr('sys.stdin', io.StringIO('bob\\n')); assert ask() == 'bob'"
    ),
    "output": "hello(); assert capsys.readouterr().out == 'hello\\n'",
    "a dataclass": (
        "b = solution.Box(1, [2]); b.items.append(3)\n"
        "    assert b.items == [2, 3] and b == solution.Box(1, [2, 3])"
    ),
    "state of the module": (
        "cached(4); assert solution.CACHE == {4: 1}; solution.CACHE.clear()\n"
        "    cached(5); assert solution.CACHE == {5: 1}"
    ),
    "environment and directory": (
        "monkeypatch.setenv('FOO', '7'); monkeypatch.chdir(tmp_path)\n"
        "    assert around() == ('7', str(tmp_path))"
    ),
    "a file": "assert read(io.StringIO('a\\nb\\n')) == ['a', 'b']",
    "names and documents": "assert add.__name__ == 'add' and Vec.__doc__ == 'A vector.'",
}


def test_what_works_beside_the_code_works_apart_from_it(
    run: Callable[..., Run], subtests: pytest.Subtests
) -> None:
    head = "import asyncio, io, pytest, solution\nfrom solution import *\n"
    arguments = "(monkeypatch, capsys, tmp_path)"
    bodies = enumerate(TESTS.values())
    tests = "".join(f"def test_{number}{arguments}:\n    {body}\n" for number, body in bodies)

    result = run(CODE, tests=head + tests)

    for name, test in zip(TESTS, result.all("test"), strict=True):
        with subtests.test(name):
            assert test["outcome"] == "passed", test
            assert "apart" not in test


def test_a_failure_shows_the_way_through_the_code(run: Callable[..., Run]) -> None:
    result = run(CODE, tests="from solution import divide\ndef test_a(): divide(0)")

    assert result.all("test")[0]["message"].splitlines()[-4:] == [
        '  File "solution.py", line 9, in divide',
        "    def divide(a): return 1 / a",
        "                          ~~^~~",
        "ZeroDivisionError: division by zero",
    ]


def test_a_dead_process_of_the_code_costs_one_test(run: Callable[..., Run]) -> None:
    tests = "from solution import *\nimport solution\ndef test_a(): leave()\n"
    tests += "def test_b(): assert add(1, 1) == 2 and Vec(1, 2).x == 1\n"

    result = run(CODE, tests=tests)

    assert result.outcomes() == ["failed", "passed"]
    assert result.all("test")[0]["cause"] == "crashed"
    assert "exit code 3" in result.all("test")[0]["message"]


@pytest.mark.parametrize("where", ["tests", "code", "cases"])
def test_what_hangs_fails_in_its_time_and_the_rest_runs(
    run: Callable[..., Run], where: str
) -> None:
    code = "def f(x):\n    while x: pass\n    return x\n"
    tests = "def test_a(): f(1)\ndef test_b(): assert f(0) == 0\n"
    given: dict[str, dict[str, Any]] = {
        "tests": {"code": code, "tests": f"from solution import f\n{tests}"},
        "code": {"code": code + tests},
        "cases": {"code": code, "cases": [{"call": f"f({x})", "expected": x} for x in (1, 0)]},
    }

    result = run(**given[where], test_timeout=2)

    assert result.outcomes() == ["failed", "passed"]
    assert result.all("test")[0]["cause"] == "timeout"


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


def test_doctests_of_the_code_run(run: Callable[..., Run]) -> None:
    result = run('def f(x):\n    """\n    >>> f(1)\n    3\n    """\n    return x + 1')

    assert result.all("collected") == [["solution.py::solution.f"]]
    assert "Expected:\n    3\nGot:\n    2" in result.all("test")[0]["message"]


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

    passed, *others = result.all("test")
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


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("monkeypatch.setattr(solution, 'x', 1)", "patches"),
        ("with patch('solution.x', 1): pass", "patches"),
        ("random.seed(1)", "sets state"),
        ("threading.Thread(target=print).start()", "threads"),
        ("class Mine(solution.Vec): ...", "derives"),
        ("assert eval('1')", "runs"),
        ("helper()", "threads"),
    ],
)
def test_what_the_tests_share_with_the_code_is_told_from_their_source(
    run: Callable[..., Run], body: str, why: str
) -> None:
    tests = "import random, threading, solution\nfrom unittest.mock import patch\n"
    tests += "def helper(): threading.active_count()\n"
    tests += f"def test_a(monkeypatch):\n    {body}\ndef test_b(): assert solution.add(1, 1) == 2\n"

    result = run(CODE + "x = 0\n", tests=tests)

    by_index = sorted(result.all("test"), key=lambda test: test["index"])
    assert [test["outcome"] for test in by_index] == ["passed", "passed"]
    assert [test.get("apart") for test in by_index] == [False, None]
    assert why in result.all("together")[0]


def test_files_and_modules_of_the_session_are_the_codes(
    run: Callable[..., Run], tmp_path: Path
) -> None:
    (tmp_path / "helper.py").write_text("def double(x): return x * 2")
    tests = "from helper import double\nfrom solution import add\n"
    tests += "def test_a(): assert double(add(1, 1)) == 4\n"

    result = run(CODE, tests=tests)

    assert result.outcomes() == ["passed"]
    assert "apart" not in result.all("test")[0]
