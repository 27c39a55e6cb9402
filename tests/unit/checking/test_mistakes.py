"""Warnings: code that is right, and hardly what was meant."""

from __future__ import annotations

import pytest
from unit.checking.support import checked


@pytest.mark.parametrize(
    ("code", "line", "message"),
    [
        ("import re\nre.compile('\\d')", 2, "invalid escape sequence"),
        ("x = 1\nx is 5", 2, '"is" with a literal'),
        ("assert (1, 'a')", 1, "assertion is always true"),
        ("def f(x):\n  x == 5\n  return x", 2, "was = meant?"),
        ("def f():\n  return 1\n  print(2)", 3, "never reached: it comes after a return"),
        ("def f(): raise NotImplemented", 1, "NotImplementedError"),
        ("{'a': 1, 'a': 2}", 1, "the key 'a' is here twice"),
        ("def test_a(): pass\ndef test_a(): pass", 2, "replaces the test_a of line 1"),
        ("try: pass\nexcept Exception: pass\nexcept ValueError: pass", 3, "never reached"),
        ("if (x, 'a'): pass", 1, "always true"),
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
        "with raises(TypeError):\n  1 == a",
        "def f():\n  return\n  yield",
        "@overload\ndef f(): ...\n@overload\ndef f(a): ...\ndef f(*a): pass",
        "def f(): pass\ng = f\ndef f(): pass",
        "try: pass\nexcept ValueError: pass\nexcept Exception: pass",
        "{'a': 1, 'a': 1, 1: 2, True: 3}",
    ],
)
def test_what_may_be_meant_is_no_warning(code: str) -> None:
    assert checked(code)["warnings"] == []
