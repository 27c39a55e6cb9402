"""Code that wants its tests to pass without being right: every way in `forging`, and callbacks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from security.forging import ATTACKS, WRONG

from bellglass.sandboxes.runner.testing.naming import names_of
from bellglass.sandboxes.session import Session
from bellglass.tools.suite_report import run_of

if TYPE_CHECKING:
    from bellglass.sandboxes.base import Sandbox
    from bellglass.tools.results import TestRun

CASES: list[dict[str, Any]] = [
    {"call": "add(2, 3)", "expected": 5},
    {"call": "add(2, 3)", "raises": "SECRET-OF-THE-TESTS"},
]

TESTS = """
import unittest
import pytest
from solution import add

def test_right():
    assert add(2, 3) == 5, "SECRET-OF-THE-TESTS"

def test_other_way_round():
    assert not 5 != add(2, 3)

def test_near():
    assert abs(add(2, 3) - 5) < 1e-6

def test_approximately():
    assert add(2, 3) == pytest.approx(5)

def test_one_of():
    assert add(2, 3) in [5] and add(2, 3) in {5}

class TestOld(unittest.TestCase):
    def test_equal(self):
        self.assertEqual(add(2, 3), 5)
"""


AMONG_PROCESSES = {
    "plants files for the tests",
    "writes over the tests",
    "reads the tests",
    "writes to every descriptor",
    "writes to the descriptors of others",
    "traces the process of the tests",
    "walks through its memory",
    "stops the tests",
    "kills the tests",
    "interrupts the tests",
    "rings the alarm of the tests",
    "forks",
}
"""Attacks that a sandbox has a part in; Python decides what comes of the others."""

ENDLESS = {"stops the tests", "hangs"}


async def verdict(sandbox: Sandbox, code: str, *, timeout: float = 20, **more: Any) -> TestRun:
    async with Session.open(sandbox) as session:
        arguments = {"code": code, "test_timeout": 2, **more}
        execution = await session.run("test", arguments, timeout=timeout)
    return run_of(execution, session.id, names_of(more.get("cases", [])))


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=() if name in AMONG_PROCESSES else pytest.mark.once)
        for name in ATTACKS
    ],
)
async def test_nothing_that_the_code_does_makes_a_test_or_a_case_pass(
    sandbox: Sandbox, name: str
) -> None:
    seconds = 6 if name in ENDLESS else 20
    tests = await verdict(sandbox, ATTACKS[name], tests=TESTS, timeout=seconds)
    cases = await verdict(sandbox, ATTACKS[name], cases=CASES, timeout=seconds)

    for run in (tests, cases):
        assert run.passed == run.skipped == 0, run
        assert not run.ok


async def test_the_same_tests_pass_where_the_code_is_right(sandbox: Sandbox) -> None:
    run = await verdict(sandbox, "def add(a, b): return a + b", tests=TESTS, cases=CASES[:1])

    assert run.ok, run
    assert run.total == run.passed == 7
    assert not any(test.apart is False for test in run.tests)


HIDDEN: dict[str, tuple[str, str]] = {
    "a with block that keeps a failed assertion to itself": (
        "class Ctx:\n    def __enter__(self): return 6\n    def __exit__(self, *args): return True",
        "import solution\ndef test_a():\n    with solution.Ctx() as c: assert c == 5",
    ),
    "a with block that is left by an error of the code": (
        "class Ctx:\n    def __enter__(self): return self\n    def get(self): raise KeyError\n"
        "    def __exit__(self, *args): return True",
        "import solution\ndef test_a():\n    with solution.Ctx() as c: assert c.get() == 5",
    ),
    "a callback whose failed assertion is caught": (
        "def each(f):\n    try: f(6)\n    except BaseException: pass",
        "from solution import each\ndef test_a():\n    def f(x): assert x == 5\n    each(f)",
    ),
    "a callback whose refused call is caught": (
        "def call(f):\n    try: f()\n    except BaseException: pass",
        "import sys\nfrom solution import call\ndef test_a():\n    def f():\n"
        "        call(sys._getframe())\n        assert False\n    call(f)",
    ),
    "an exception class that claims a failed assertion": (
        "class Meta(type):\n    __instancecheck__ = __subclasscheck__ = lambda *args: True\n"
        "class Error(Exception, metaclass=Meta): ...\ndef f(): return 6",
        "import pytest\nfrom solution import Error, f\ndef test_a():\n"
        "    with pytest.raises(Error): assert f() == 5",
    ),
    "a decorator that never runs the test": (
        "def checked(f): return lambda: None",
        "from solution import checked\n@checked\ndef test_a(): assert False",
    ),
    "names for the tests from a star import": (
        "__all__ = ['sorted', 'len', 'approx', 'test_b', 'f']\nsorted = len = lambda x: 5\n"
        "approx = lambda x: x\ndef test_b(): pass\ndef f(): return [6]",
        "from pytest import approx\nfrom solution import *\n"
        "def test_a(): assert sorted(f()) == 5 or f()[0] == approx(5) or len(f()) == 5",
    ),
    "a function that claims to be a test": (
        WRONG + "add.__test__ = True\nadd.pytestmark = []",
        "from solution import add\ndef test_a(): assert add(2, 3) == 5",
    ),
    "a mock whose assertions are replaced": (
        "def call(f):\n"
        "    for g in (lambda: f.configure_mock(**{'assert_called_with': print}),\n"
        "              lambda: setattr(f, 'assert_called_with', print),\n"
        "              lambda: setattr(f, 'call_args', None)):\n"
        "        try: g()\n        except AttributeError: pass\n    f(6)",
        "from unittest.mock import Mock\nfrom solution import call\ndef test_a():\n"
        "    f = Mock()\n    call(f)\n    f.assert_called_with(5)",
    ),
    "a test case that is handed over": (
        "def use(case):\n"
        "    for f in (lambda: case.addTypeEqualityFunc(int, lambda *a, **k: None),\n"
        "              lambda: setattr(case, 'assertEqual', print),\n"
        "              lambda: setattr(case, 'failureException', KeyError)):\n"
        "        try: f()\n        except (AttributeError, TypeError): pass\n    return 6",
        "import unittest\nfrom solution import use\nclass TestIt(unittest.TestCase):\n"
        "    def test_a(self): self.assertEqual(use(self), 5)",
    ),
    "a test case that is told to skip": (
        "def use(skip): skip('no')",
        "import unittest\nfrom solution import use\nclass TestIt(unittest.TestCase):\n"
        "    def test_a(self):\n        use(self.skipTest)\n        self.fail()",
    ),
    "globals of a callback": (
        "def call(f):\n    f.__globals__['EXPECTED'] = 6\n    return 6",
        "from solution import call\nEXPECTED = 5\ndef test_a():\n"
        "    assert call(lambda: 0) == EXPECTED",
    ),
    "a generator's frame": (
        "def first(g):\n    g.gi_frame.f_globals['EXPECTED'] = 6\n    return 6",
        "from solution import first\nEXPECTED = 5\ndef test_a():\n"
        "    assert first(x for x in 'ab') == EXPECTED",
    ),
    "a liar next to an object of a named class": (
        "class Vec:\n    def __init__(self, x): self.x = x\n    def __eq__(self, o): return "
        "type(o) is Vec and self.x == o.x\nclass Liar:\n    def __eq__(self, o): return True\n"
        "def get(): return Liar()",
        "from solution import Vec, get\ndef test_a(): assert get() == 5 or 5 == get()",
    ),
    "variables that choose what the tests run": (
        "import os\ndef f():\n    os.environ['PATH'] = '/work'\n    os.environ['PYTHONPATH'] = '/'",
        "import os\nfrom solution import f\ndef test_a():\n    f()\n"
        "    assert os.environ['PATH'] == '/work' or os.environ.get('PYTHONPATH')",
    ),
}


@pytest.mark.once
@pytest.mark.parametrize("name", HIDDEN)
async def test_what_the_tests_share_with_the_code_cannot_be_turned(
    sandbox: Sandbox, name: str
) -> None:
    code, tests = HIDDEN[name]

    run = await verdict(sandbox, code, tests=tests)

    assert [test.outcome for test in run.tests if test.apart is not False] in ([], ["failed"]), run
    assert not [test for test in run.tests if test.outcome == "passed" and test.apart is not False]


async def test_code_cannot_choose_to_be_tested_where_it_can_cheat(sandbox: Sandbox) -> None:
    code = "import random, threading, pickle\nrandom.seed(1)\n" + WRONG

    run = await verdict(sandbox, code, tests=TESTS)

    assert run.passed == 0
    assert all(test.apart is None for test in run.tests)


async def test_where_the_tests_patch_the_result_says_that_it_can_be_forged(
    sandbox: Sandbox,
) -> None:
    tests = "import solution\ndef test_a(monkeypatch):\n"
    tests += "    monkeypatch.setattr(solution, 'x', 2)\n    assert solution.x == 2\n"

    run = await verdict(sandbox, "x = 1", tests=tests + "def test_b(): assert solution.x == 1\n")

    assert [(test.outcome, test.apart) for test in run.tests] == [
        ("passed", False),
        ("passed", None),
    ]
    assert any("apart: false" in note for note in run.notes)
