"""Brackets and strings that are never closed do not hide, and do not make up, other errors."""

from __future__ import annotations

import asyncio
import email
from pathlib import Path

import pytest
from unit.checking.support import checked

from bellglass.sandboxes.runner.checking.unclosed import close

HERE = Path(__file__)
PROGRAMS = [
    path
    for folder in (asyncio.__path__[0], email.__path__[0], HERE.parents[3] / "sandboxes")
    for path in sorted(Path(folder).rglob("*.py"))
]


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("foo(1, 2\nbar = 3\nprint(bar\n\ndef f():\n  return 1\n", ["1:4 (", "3:6 ("]),
        ("x = [1, 2\n", ["1:5 ["]),
        ("x = {'a': [1, 2}\ny = 1", ["1:11 ["]),
        ("x = foo(\n    a,\n    b\ny = 2", ["1:8 ("]),
        ("if f(a:\n    pass\nelse:\n    g(", ["1:5 (", "4:6 ("]),
        ("@g(1\ndef f():\n    pass", ["1:3 ("]),
        ("x = f(a \\\n    + b\nif x:\n    pass", ["1:6 ("]),
        ("s = 'abc\nt = (2\nu = 3", ["1:5 '", "2:5 ("]),
        ("f('abc)\ng(1)", ["1:3 '"]),
        ("f(1,\n  'abc)\ng(1)", ["2:3 '"]),
        ("x = f'{a'\ny = 1", []),
        ("x = (a\n     b)", []),
        ("f(\n    a=1\n    b=2\n)", []),
        ("x = a)\n", []),
        ('x = ("""abc\ny = (1', []),
        ("x = [i\n     for i in y\n     if i\n     else z]", []),
    ],
)
def test_what_is_never_closed_is_found_where_it_opens(code: str, found: list[str]) -> None:
    never, _ = close(code)

    assert [f"{place.line}:{place.column} {place.opening}" for place in never] == found


def test_programs_without_a_fault_have_none() -> None:
    assert len(PROGRAMS) > 200
    for path in PROGRAMS:
        code = path.read_text()
        assert close(code) == ([], code), path


@pytest.mark.parametrize(
    ("code", "lines"),
    [
        ("def f()\n    g(1\n    if x:\n        return [2\n\ny = = 3\n", [1, 2, 4, 6]),
        ("a = f(1\nif a:\n    b = 'x\n    c = {1: 2\n    d = = 5\n", [1, 3, 4, 5]),
        ("f(g(1)\nfor i in x:\n    print(i)\n    h(i))\n", [1, 4]),
    ],
)
def test_each_error_is_named_once_beside_those_of_brackets(code: str, lines: list[int]) -> None:
    assert sorted(error["line"] for error in checked(code)["errors"]) == lines
