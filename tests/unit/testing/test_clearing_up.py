"""Cleaning up after tests, however a test or its cleaning up ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from unit.testing.support import Run

pytestmark = pytest.mark.slow

pytestmark = pytest.mark.slow

CODE = "def add(a, b): return a + b\n"

TESTS = """
import os, pytest, time

@pytest.fixture
def file():
    open("made", "w").close()
    yield
    os.unlink("made")

@pytest.fixture
def other(file):
    yield
    {clearing_up}

class TestFirst:
    def test_a(self, other):
        {test}

class TestSecond:
    def test_b(self):
        assert not os.path.exists("made")

    def test_c(self, file):
        assert os.path.exists("made")
"""


@pytest.mark.parametrize(
    ("test", "clearing_up", "outcome", "said"),
    [
        ("while True: ...", "time.sleep(0.1)", "failed", "not finished after 1 s"),
        ("pass", "while True: ...", "failed", "not finished after 1 s"),
    ],
    ids=["late", "clearing-up-late"],
)
def test_the_next_test_meets_nothing_of_it(
    run: Callable[..., Run], test: str, clearing_up: str, outcome: str, said: str
) -> None:
    result = run(CODE, tests=TESTS.format(test=test, clearing_up=clearing_up), test_timeout=1)

    assert result.outcomes() == [outcome, "passed", "passed"], result.events
    assert said in result.tests()[0]["message"]
