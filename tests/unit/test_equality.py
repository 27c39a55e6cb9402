"""When a value is what a case expects."""

from __future__ import annotations

from collections import Counter, OrderedDict, deque
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from bellglass.sandboxes.runner.testing.equality import same


@pytest.mark.parametrize(
    ("expected", "actual"),
    [
        (5, 5),
        (5, 5.0),
        (0.3, 0.1 + 0.2),
        (0, 0.1 + 0.2 - 0.3),
        (0.5, Fraction(1, 2)),
        (1.1, Decimal("1.1")),
        (float("nan"), float("nan")),
        (float("inf"), float("inf")),
        (True, True),
        (None, None),
        ("a", "a"),
        ([1, 2], [1, 2]),
        ([1, 2], (1, 2)),
        ([0.3, [0.3]], (0.1 + 0.2, (0.1 + 0.2,))),
        ([1, 2], {2, 1}),
        ([[1, 2], 3], {3, (1, 2)}),
        ([0, 1], range(2)),
        ([1], deque([1])),
        (["a"], {"a": 1}.keys()),
        ([], ()),
        ({"a": [1]}, {"a": (1,)}),
        ({"1": "a", "null": 3}, {1: "a", None: 3}),
        ({"true": "a", "1.5": 3}, {True: "a", 1.5: 3}),
        ({"a": 2}, Counter("aa")),
        ({"a": 1, "b": 2}, OrderedDict([("b", 2), ("a", 1)])),
    ],
)
def test_the_same_value_in_python(expected: Any, actual: Any) -> None:
    assert same(expected, actual)


@pytest.mark.parametrize(
    ("expected", "actual"),
    [
        (5, 6),
        (5, "5"),
        (5.0, "5.0"),
        (0.3, 0.30001),
        (0, None),
        (None, 0),
        (None, False),
        ("", None),
        ([1, 2], [2, 1]),
        ([1, 2], [1, 2, 3]),
        ([1, 1], {1}),
        ([1, 2], "12"),
        (["a", "b"], "ab"),
        ([1], 1),
        ([1], iter([1])),
        ({}, []),
        ([], {}),
        ({"a": 1}, {"a": 2}),
        ({"a": 1}, {"a": 1, "b": 2}),
        ({"1": 1}, {"1": 1, 1: 1}),
        ("a", b"a"),
    ],
)
def test_another_value(expected: Any, actual: Any) -> None:
    assert not same(expected, actual)
