"""Every way of testing that run_tests has, with code that really runs in a session's sandbox."""

from typing import Any

import pytest
from mcp import Client
from protocol.support import record_of, text_of

DOUBLE = "n = int(input())\nprint(n * 2)\n"
ADD = "def add(a, b):\n    return a + b\n"
UNITTEST = """
import unittest
from solution import add

class Adding(unittest.TestCase):
    def test_right(self):
        self.assertEqual(add(1, 2), 3)

    def test_wrong(self):
        self.assertEqual(add(1, 2), 4)
"""
TWO = """
from solution import add
def test_a(): assert add(1, 1) == 3
def test_b(): assert add(1, 1) == 2
"""
SLOW = """
from solution import add
def test_a():
    while True: ...
def test_b(): assert add(1, 1) == 2
"""

# What is tested, passed and failed of it, and what a model is told.
WAYS: dict[str, tuple[dict[str, Any], int, int, str]] = {
    "a program": (
        {
            "code": DOUBLE,
            "cases": [{"stdin": "4\n", "stdout": "8\n"}, {"stdin": "x", "stdout": ""}],
        },
        1,
        1,
        "invalid literal for int()",
    ),
    "a program that prints something else": (
        {"code": DOUBLE, "cases": [{"stdin": "4", "stdout": "9"}]},
        0,
        1,
        "expected '9', got '8'",
    ),
    "calls": (
        {
            "code": "def f(n): return {1, n}, [0.1 + 0.2, (1, 2)]",
            "cases": [
                {"call": "f(1)", "expected": [[1], [0.3, [1, 2]]]},
                {"call": "f(2)", "expected": [[2, 1], [0.3, [1, 2]]]},
                {"call": "f([])", "raises": "TypeError"},
                {"call": "f(3)", "expected": [[2, 1], [0.3, [1, 2]]]},
            ],
        },
        3,
        1,
        "actual:   ({1, 3}, [0.30000000000000004, (1, 2)])",
    ),
    "unittest": ({"code": ADD, "tests": UNITTEST}, 1, 1, "3 != 4"),
    "selected by name": ({"code": ADD, "tests": TWO, "select": "test_b"}, 1, 0, "test passed"),
    "until the first failure": ({"code": ADD, "tests": TWO, "stop": True}, 0, 1, "test_a"),
    "a time limit for each": ({"code": ADD, "tests": SLOW, "test_timeout": 2}, 1, 1, "test_a"),
}


@pytest.mark.parametrize("way", WAYS)
async def test_way_of_testing(client: Client, way: str) -> None:
    arguments, passed, failed, said = WAYS[way]

    result = await client.call_tool("run_tests", arguments)

    run = result.structured_content
    assert run is not None
    assert (run["passed"], run["failed"]) == (passed, failed), text_of(result)
    assert said in text_of(result)


async def test_lines_that_no_test_ran_are_named(client: Client) -> None:
    code = "def size(n):\n    if n > 9:\n        return 'big'\n    return 'small'\n"
    tests = "from solution import size\ndef test_small(): assert size(1) == 'small'\n"

    result = await client.call_tool("run_tests", {"code": code, "tests": tests, "coverage": True})

    assert "solution.py: 3 of 4 lines; missed 3" in text_of(result)


async def test_test_files_of_the_session_are_run(client: Client) -> None:
    write = (
        "open('shop.py', 'w').write('def total(rows): return sum(rows)\\n')\n"
        "open('test_shop.py', 'w').write('from shop import total\\n'\n"
        "    'def test_total(): assert total([1, 2]) == 3\\n')"
    )
    first = await client.call_tool("execute_python", {"code": write})
    session_id = text_of(first).rpartition("session_id: ")[2].strip()

    result = await client.call_tool(
        "run_tests", {"paths": ["test_shop.py"], "session_id": session_id}
    )

    assert text_of(result).startswith("The test passed"), text_of(result)


CONFTEST = """
import sys
from pathlib import Path

def pytest_unconfigure(config):
    Path("loaded").write_text(str("hypothesis" in sys.modules))
"""


async def test_a_library_that_no_test_uses_is_not_loaded(client: Client) -> None:
    """The plugin of Hypothesis would import it for its summary, which takes longer than a run."""
    write = (
        "from pathlib import Path\n"
        f"Path('conftest.py').write_text({CONFTEST!r})\n"
        "Path('test_it.py').write_text('def test(): assert True')"
    )
    session_id = record_of(await client.call_tool("execute_python", {"code": write}))["session_id"]
    of_session = {"session_id": session_id}
    result = await client.call_tool("run_tests", {"paths": ["test_it.py"], **of_session})
    loaded = await client.call_tool("execute_bash", {"command": "cat loaded", **of_session})

    assert text_of(result).startswith("The test passed"), text_of(result)
    assert text_of(loaded).startswith("False")
