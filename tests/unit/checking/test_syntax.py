"""Findings about invalid code, and the bounds on reading it."""

from __future__ import annotations

import sys

import pytest
from unit.checking.support import checked


def test_a_syntax_error_is_shown_at_its_place() -> None:
    (error,) = checked("x = 1\nprint('é', x +* 2)\n")["errors"]

    assert error == {
        "line": 2,
        "column": 15,
        "message": "invalid syntax",
        "source": "print('é', x +* 2)\n              ^",
        "fix": None,
    }


def test_in_a_long_line_the_part_around_the_error_is_shown() -> None:
    (error,) = checked("x = [" + "1, " * 100_000 + "2 3]")["errors"]

    shown, caret = error["source"].split("\n")
    assert len(shown) < 200
    assert shown[caret.index("^")] == "2"


@pytest.mark.parametrize(
    ("code", "line"),
    [
        ("def f(:\n  pass", 1),
        ("if True:\nx = 1", 2),
        ("a = 1\nreturn a", 2),
        ("def f(a, a): pass", 1),
        ("if 1:\n\tx = 1\n        y = 2\n", 3),
        ("x = 1\r\ny == \r\n", 2),
        ("print('a')\0print('b')", 1),
        ("x = 1\ny = '\ud800'", 2),
        ("1" * 5000, 1),
    ],
)
def test_every_syntax_error_has_a_line(code: str, line: int) -> None:
    (error,) = checked(code)["errors"]

    assert (error["line"], bool(error["message"])) == (line, True)


@pytest.mark.parametrize(
    "code",
    [
        "",
        "\n \n#\n",
        "\ufeffprint('bom')",
        "a = 1\r\nb = 2\r\n",
        "x = '\\N{SNOWMAN}'",
        "\x0c\nx = 1",
    ],
)
def test_correct_code_has_no_findings(code: str) -> None:
    assert not any(checked(code).values())


def test_await_at_the_top_is_right_and_noted() -> None:
    result = checked("import asyncio\nawait asyncio.sleep(0)")

    assert result["errors"] == []
    assert "execute_python" in result["notes"][0]


DEEP = {
    "parentheses": "(" * 10_000 + ")" * 10_000,
    "brackets": "[" * 100_000,
    "minus signs": "-" * 100_000 + "1",
    "sum": "1" + "+1" * 100_000,
    "attributes": "a" + ".a" * 100_000,
    "calls": "f" + "()" * 100_000,
    "lambdas": "lambda:" * 10_000 + "1",
    "f-strings": "f'{" * 1000 + "1" + "}'" * 1000,
    "blocks": "".join(" " * i + "if 1:\n" for i in range(110)) + " " * 110 + "x=1",
}


@pytest.mark.parametrize("code", DEEP.values(), ids=DEEP)
def test_deep_nesting_is_an_error_and_not_a_crash(code: str) -> None:
    (error,) = checked(code)["errors"]

    assert "too" in error["message"]


@pytest.mark.parametrize(
    "code",
    [
        "a" + ".a" * 900,
        "f" + "()" * 400,
        "a = b\nb = a\n" * 500 + "a()",
        "x = x or x or x\n" * 500 + "x()",
        "".join(f"a{i} = a{i - 1} or a{i - 1}\n" for i in range(1, 300)) + "a299()",
    ],
    ids=["attributes", "calls", "circle", "itself", "chain"],
)
def test_names_that_lead_round_in_circles_end(code: str) -> None:
    assert checked(code)["risks"] == []


def test_long_lists_are_cut_and_say_so() -> None:
    result = checked("eval('1')\n" * 250)

    assert len(result["risks"]) == 200
    assert result["notes"] == ["50 more risks are not listed."]


def test_nothing_is_executed(capsys: pytest.CaptureFixture[str]) -> None:
    checked("@print('run')\nclass A(print('run')):\n  def f(x=print('run')): ...")
    checked("echo run >&2; $(echo run >&2)", "bash")

    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("code", "places"),
    [
        ("if x\n  pass\nfor i in y\n  pass\nx = = 3\n", [(1, 5), (3, 11), (5, 5)]),
        ("s = 'abc\nt = 2\nprint 'x'\n", [(1, 5), (3, 7)]),
        ("foo(1, 2\nbar = 3\nprint(bar\n\ndef f():\n  return 1\n", [(1, 8), (3, 10)]),
        ("class A:\n  def f(self)\n    pass\n\nx = [1, 2\n", [(2, 14), (5, 10)]),
        ("s = 'abc\nt = (2\nu = 3", [(1, 5), (2, 7)]),
        ("f(1,\n  'abc)\ng(1)", [(2, 3)]),
        ("x = [1, 2\ny = = 3\n", [(1, 5)]),
        ("return 1\nbreak\ndef f(a, a): pass\n", [(1, 1), (2, 1), (3, 10)]),
        ('x = """abc\ny = = 1\n', [(1, 5)]),
    ],
)
def test_every_syntax_error_is_named_and_none_that_follows_from_another(
    code: str, places: list[tuple[int, int]]
) -> None:
    errors = checked(code)["errors"]

    assert sorted((error["line"], error["column"]) for error in errors) == places
    assert all("^" in error["source"] for error in errors)


@pytest.mark.parametrize(
    ("code", "missing"),
    [
        ("import cv2", [("cv2", "opencv-python", None)]),
        ("from PIL import Image", [("PIL", "pillow", None)]),
        ("import sklearn.svm\nfrom sklearn import tree", [("sklearn", "scikit-learn", None)]),
        ("import bs4, yaml.x", [("bs4", "beautifulsoup4", None), ("yaml", "PyYAML", None)]),
        ("import nunpy", [("nunpy", None, "numpy")]),
        ("__import__('torch')", [("torch", "torch", None)]),
        ("import zzqx_helpers", [("zzqx_helpers", None, None)]),
        ("import os, sys, json, asyncio.queues\nfrom solution import f\nfrom . import x", []),
        ("try:\n  import torch\nexcept ImportError:\n  torch = None", []),
        ("x = 'import cv2'  # import cv2", []),
    ],
)
def test_what_is_not_installed_is_named_with_what_brings_it(
    code: str, missing: list[tuple[str, str | None, str | None]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.path", [path for path in sys.path if "packages" not in path])
    monkeypatch.setattr("sys.path_importer_cache", {})

    found = checked(code)["missing"]

    assert [(module["module"], module["package"], module["near"]) for module in found] == missing
