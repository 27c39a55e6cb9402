"""Warnings about code that is correct, and hardly intended."""

from __future__ import annotations

import time

import pytest
from unit.checking.support import checked


@pytest.mark.parametrize(
    ("code", "line", "message"),
    [
        ("import re\nre.compile('\\d')", 2, "invalid escape sequence"),
        ("x = 1\nx is 5", 2, '"is" with a literal'),
        ("assert (1, 'a')", 1, "assertion is always true"),
        ("def f(x):\n  x == 5\n  return x", 2, "Did you mean to assign"),
        ("def f():\n  return 1\n  print(2)", 3, "never reached: it comes after a return"),
        ("def f(): raise NotImplemented", 1, "NotImplementedError"),
        ("{'a': 1, 'a': 2}", 1, "'a' repeated"),
        ("def test_a(): pass\ndef test_a(): pass", 2, "Redefinition of unused 'test_a'"),
        ("try: pass\nexcept Exception: pass\nexcept ValueError: pass", 3, "never reached"),
        ("if (1, 'a'): pass", 1, "always 'True'"),
    ],
)
def test_a_certain_mistake_is_a_warning(code: str, line: int, message: str) -> None:
    (warning,) = checked(code)["warnings"]

    assert warning["line"] == line
    assert message in warning["message"]


@pytest.mark.parametrize(
    "code",
    [
        "x = 1\nx == 1",  # the last value is shown
        "from pytest import raises\nwith raises(TypeError):\n  1 == []",
        "def f():\n  return\n  yield",
        "from typing import overload as o\n@o\ndef f(): ...\n@o\ndef f(a): ...\ndef f(*a): pass",
        "def f(): pass\ng = f\ndef f(): pass",
        "try: pass\nexcept ValueError: pass\nexcept Exception: pass",
    ],
)
def test_what_may_be_meant_is_no_warning(code: str) -> None:
    assert checked(code)["warnings"] == []


@pytest.mark.parametrize(
    ("code", "line", "message", "fix"),
    [
        ("total = 1\nprint(totl)", 2, "undefined name 'totl'", "did you mean total?"),
        ("x = true", 1, "undefined name 'true'", "did you mean True?"),
        ("x = math.pi", 1, "undefined name 'math'", "import math"),
        ("x = 1\nx\nprint(x)", 2, "useless expression", None),
        ("x = 1\nx > 2\nprint(x)", 2, "Pointless comparison", None),
        ("x = 1\nassert x == x", 2, "compared with itself", None),
        ("if 1 == 2: pass", 1, "Two constants compared", None),
        ("print('%d %d' % (1,))", 1, "2 placeholder(s) but 1", None),
        ("print('{} {}'.format(1))", 1, "missing argument", None),
        ("def f(a=[]): return a.append(1)", 1, "mutable data structures", None),
        ("def f(a): return a\nf()", 2, "missing a required argument: 'a'", None),
        ("def f(a): return a\nf(1, 2)", 2, "it takes 1 by position, and gets 2", None),
        ("def f(a): return a\nf(b=1)", 2, "argument", None),
        ("class A:\n  def __init__(self, x): self.x = x\nA()", 3, "'x'", None),
        ("len(1, 2)", 1, "it takes 1 by position, and gets 2", None),
    ],
)
def test_a_likely_bug_is_a_warning(code: str, line: int, message: str, fix: str | None) -> None:
    warnings = checked(code)["warnings"]

    assert (line, fix) in [(warning["line"], warning["fix"]) for warning in warnings]
    assert message in " ".join(warning["message"] for warning in warnings)


@pytest.mark.parametrize(
    "code",
    [
        "def f(*a, **k): return a\nf(1, 2, x=3)",
        "def f(a): return a\nargs = [1]\nf(*args)\nf(**{'a': 1})",
        "def f(a, *, b=1): return a\nf(1, b=2)",
        "def f(a): return a\nf(1)\nf = print\nf()",
        "def f(len): return len(1, 2)",
        "class A:\n  def __init__(self): self.f = 1\nA()",
        "class B:\n  def __new__(cls, x): return cls\nB(1)",
        "import functools\n@functools.cache\ndef f(a=1): return a\nf()",
        "print(1, 2, 3, sep='')\nmax(1, 2)\nint('1', 2)\nrange(1, 2, 3)\nisinstance(1, int)",
        "await_me = 1\nimport asyncio\nawait asyncio.sleep(0)",
    ],
)
def test_a_call_that_works_is_no_warning(code: str) -> None:
    assert checked(code)["warnings"] == []


def test_no_comment_in_the_code_silences_a_finding() -> None:
    result = checked("# ruff: noqa\nx = y  # noqa\neval('1')  # noqa: S307\nprint(x)")

    assert "undefined name 'y'" in result["warnings"][0]["message"]
    assert len(result["risks"]) == 1


def test_a_risk_that_both_see_is_said_once() -> None:
    code = "import subprocess\nsubprocess.run(\n    'ls *',\n    shell=True,\n)\neval('1')"

    risks = [(risk["line"], risk["reason"]) for risk in checked(code)["risks"]]

    assert risks == [
        (2, "subprocess.run starts a program"),
        (2, "subprocess.run runs a command in a shell, because of shell=True"),
        (6, "eval runs a string or file as code"),
    ]


LARGE = {
    "calls": "print(eval('1'))\n" * 6_000,
    "names": "".join(f"a{i} = b{i}\n" for i in range(6_000)),
    "modules": "".join(f"import m{i:05}\n" for i in range(7_000)),
    "blanks": " " * 100_000,
    "question": "a?" + " " * 99_000 + "x",
    "magics": "%ls\n" * 400 + "x = f(y)\n" * 8_000,
    "fields": "!" + "{x}" * 33_000,
}


@pytest.mark.slow
@pytest.mark.parametrize("code", LARGE.values(), ids=LARGE)
def test_a_program_of_the_largest_size_is_read_within_the_time_of_a_check(code: str) -> None:
    started = time.process_time()

    checked(code)

    assert time.process_time() - started < 8  # of 10 s; it takes 2 at most
