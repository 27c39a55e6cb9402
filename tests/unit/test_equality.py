"""Equality of a value and the expectation of a case."""

from __future__ import annotations

from collections import Counter, OrderedDict, defaultdict, deque, namedtuple
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from enum import Enum, IntEnum
from fractions import Fraction
from typing import Any

import pytest

from bellglass.sandboxes.common.equality import same
from bellglass.sandboxes.common.values import TooMuch, encode, without_value

PARIS = datetime(2024, 1, 2, 3, 4, tzinfo=timezone(timedelta(hours=1)))
Point = namedtuple("Point", "x y")


@dataclass
class Item:
    name: str
    price: float = 2.5


class Color(Enum):
    RED = "r"


class Level(IntEnum):
    LOW = 1


class Liar(int):
    def __eq__(self, other: object) -> bool:
        return True

    __hash__ = int.__hash__


class Thing: ...


SAME: list[tuple[Any, Any]] = [
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
    ({"a": [1]}, defaultdict(list, a=[1])),
    ([1, 2], Point(1, 2)),
    ({"x": 1, "y": 2}, Point(1, 2)),
    ({"name": "a", "price": 2.5}, Item("a")),
    ("r", Color.RED),
    ("RED", Color.RED),
    (1, Level.LOW),
    ({"RED": 1}, {"RED": 1}),
    ({"1": [1]}, {Level.LOW: (1,)}),
    ("2024-01-02T03:04:00+01:00", PARIS),
    ("2024-01-02", date(2024, 1, 2)),
    ({"2024-01-02": 1}, {date(2024, 1, 2): 1}),
    ("1.10", Decimal("1.10")),
    (1 << 70, 1 << 70),
    ([[0.1, True]], {(0.1, True)}),
    (2, 2 + 0j),
    ([1, [2]], (x for x in (1, [2]))),
]


@pytest.mark.parametrize(("expected", "actual"), SAME, ids=map(str, range(len(SAME))))
def test_the_same_value_in_python(expected: Any, actual: Any) -> None:
    assert same(expected, encode(actual))


OTHERS: list[tuple[Any, Any]] = [
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
    ({}, []),
    ([], {}),
    ({"a": 1}, {"a": 2}),
    ({"a": 1}, {"a": 1, "b": 2}),
    ({"1": 1}, {"1": 1, 1: 1}),
    ("a", b"a"),
    (1, True),
    (True, 1),
    ([1, 0], [True, False]),
    ({"a": 1}, {"a": True}),
    (1.0, True),
    (5, Liar(6)),
    ({"name": "a"}, Item("a")),
    ([1, 2], {"x": 1, "y": 2}),
    ("2024-01-02", PARIS),
    (1 << 70, (1 << 70) + 1),
    (0, float("nan")),
    (None, float("nan")),
    (1, 1 + 1j),
    ("Thing", Thing()),
]


@pytest.mark.parametrize(("expected", "actual"), OTHERS, ids=map(str, range(len(OTHERS))))
def test_another_value(expected: Any, actual: Any) -> None:
    assert not same(expected, encode(actual))


def test_what_is_no_plain_data_is_named_by_its_type() -> None:
    assert without_value(encode([1, {"a": Thing()}])) == "Thing"
    assert without_value(encode([1, {"a": [b""]}])) is None


def test_what_is_too_large_or_too_deep_is_refused() -> None:
    deep: list[object] = []
    for _ in range(200):
        deep = [deep]

    for value in (deep, [0] * 100_001):
        with pytest.raises(TooMuch):
            encode(value)


@pytest.mark.parametrize("coded", [["what"], [], ["list"], ["int", "int", "zz"], ["set", "s", 1]])
def test_nonsense_of_the_process_of_the_code_is_equal_to_nothing(coded: Any) -> None:
    wanted: list[Any] = [None, 1, [], {}, "", [1]]
    for expected in wanted:
        assert not same(expected, coded)
