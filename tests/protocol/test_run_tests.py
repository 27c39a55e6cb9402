"""Tests run in the session's sandbox; a missing report is never a pass."""

from typing import Any

import pytest
from mcp import Client
from protocol.support import text_of

ADD = "def add(a, b):\n    return a + b\n"

NOT_OK: list[tuple[str, dict[str, Any], str]] = [
    ("a failing test", {"code": "def test_a(): assert 1 == 2, 'why'"}, "AssertionError: why"),
    ("exit while importing", {"code": "import os\ndef test_a(): ...\nos._exit(0)"}, "os._exit"),
    ("exit in a test", {"code": "import os\ndef test_a(): os._exit(0)"}, "in solution.py::test_a"),
    ("a crash", {"code": "def test_a():\n  import os; os.kill(os.getpid(), 11)"}, "SIGSEGV"),
    ("a loop", {"code": "def test_a():\n  while True: ...", "timeout": 1}, "Timed out after 1 s"),
    ("no tests", {"code": ADD}, "No tests were found"),
    ("bad syntax", {"code": "def f(:", "tests": "import solution"}, "SyntaxError"),
    ("a wrong case", {"code": ADD, "cases": [{"call": "add(2, 2)", "expected": 5}]}, "actual:   4"),
    (
        "a name that is not imported",
        {"code": ADD, "tests": "def test_a(): assert add(1, 1) == 2"},
        "add is in the code, so the tests import it: `from solution import add`",
    ),
    (
        "another module",
        {"code": ADD, "tests": "from main import add\ndef test_a(): add(1, 1)"},
        "the code is the module solution: `from solution import add`",
    ),
    (
        "the function as a module",
        {"code": ADD, "tests": "from add import add\ndef test_a(): add(1, 1)"},
        "the code is the module solution: `from solution import add`",
    ),
    (
        "a name that no test has",
        {"code": ADD, "tests": "def test_a(): ...", "select": "other"},
        "select='other' fits the name of no test",
    ),
    ("no file", {"paths": ["a.py"]}, "No such file, or none that pytest reads: a.py"),
    ("a bomb", {"code": "def test_a(): x = b'1' * 8 * 1024**3"}, "Memory"),
]

REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"code": ""}, "code is empty"),
    ({"code": ADD, "cases": [{"call": "add(1, 1)"}]}, "either expected"),
    ({"code": ADD, "cases": [{"call": "f()", "expected": 1, "raises": "E"}]}, "either expected"),
    ({"code": ADD, "cases": [{"call": "f()", "expect": 1}]}, "expect"),
    ({"code": ADD, "cases": [{"call": "f()", "expected": 1}] * 1001}, "1000"),
    ({"code": ADD, "timeout": 0}, "timeout"),
    ({"code": ADD, "timeout": 301}, "timeout"),
    ({"code": ADD, "tests": "a\0b"}, "NUL"),
    ({"paths": ["-p evil"]}, "is an option"),
    ({"code": ADD, "cases": [{"stdin": "1"}]}, "stdin and stdout"),
    ({"code": ADD, "cases": [{"call": "f()", "stdout": ""}]}, "either a call"),
    ({"code": ADD, "session_id": "nope"}, "Call again without session_id"),
]


async def test_both_halves_tell_each_test(client: Client) -> None:
    tests = "from solution import add\ndef test_a(): assert add(1, 1) == 2\n"
    cases = [{"call": "add(0.1, 0.2)", "expected": 0.3}, {"call": "add()", "raises": "TypeError"}]

    result = await client.call_tool("run_tests", {"code": ADD, "tests": tests, "cases": cases})

    run = result.structured_content
    assert run is not None
    assert (run["ok"], run["total"], run["passed"], run["failed"]) == (True, 3, 3, 0)
    assert [test["outcome"] for test in run["tests"]] == ["passed"] * 3
    assert run["tests"][0]["actual"] == "0.30000000000000004"
    text = text_of(result)
    assert text.startswith("All 3 tests passed")
    assert "test_solution.py::test_a" in text
    assert text.endswith(f"session_id: {run['session_id']}")


@pytest.mark.timeout(300)  # fourteen runs of tests
async def test_what_is_not_a_pass_is_never_ok(client: Client, subtests: pytest.Subtests) -> None:
    for name, arguments, said in NOT_OK:
        with subtests.test(name):
            result = await client.call_tool("run_tests", arguments)

            assert not result.is_error
            assert result.structured_content is not None
            assert result.structured_content["ok"] is False
            assert said in text_of(result)


async def test_what_is_no_plain_data_is_named_by_its_type(client: Client) -> None:
    code = "def deep():\n    x = []\n    for _ in range(5000): x = [x]\n    return x\n"
    code += "class Liar: __class__ = int\n"
    cases = [
        {"call": call, **wanted}
        for call in ("deep()", "Liar()")
        for wanted in ({"expected": 1}, {"raises": "ValueError"})
    ]

    result = await client.call_tool("run_tests", {"code": code, "cases": cases})

    text = text_of(result)
    assert text.startswith("0 of 4 passed: 4 failed")
    assert "a value that is nested more than 100 levels deep" in text
    assert "an object of type Liar" in text
    assert "bellglass" not in text


async def test_values_keep_their_kind(client: Client) -> None:
    code = """
import collections, dataclasses, datetime, zoneinfo, numpy as np, pandas as pd
Point = collections.namedtuple("Point", "x y")
@dataclasses.dataclass
class Item:
    at: object
    tags: set
def f():
    at = datetime.datetime(2024, 7, 1, tzinfo=zoneinfo.ZoneInfo("Europe/Paris"))
    return collections.OrderedDict(a=Point(1, np.float64(0.5)), b=Item(at, {1, 2}))
def g(): return np.arange(3), pd.DataFrame({"a": [1, 2]}), pd.Series([0.5, None])
def h(): return True
"""
    point, item = [1, 0.5], {"at": "2024-07-01T00:00:00+02:00", "tags": [2, 1]}
    cases = [
        {"call": "f()", "expected": {"a": point, "b": item}},
        {"call": "f() == {}", "expected": False},
        {"call": "g()", "expected": [[0, 1, 2], [{"a": 1}, {"a": 2}], [0.5, None]]},
        {"call": "h()", "expected": 1},
        {"call": "f()", "expected": {"a": point, "b": {**item, "tags": [1]}}},
    ]

    result = await client.call_tool("run_tests", {"code": code, "cases": cases})

    run = result.structured_content
    assert run is not None
    assert [test["outcome"] for test in run["tests"]] == [*["passed"] * 3, "failed", "failed"], run
    assert run["isolated"] is True
    assert "OrderedDict({'a': Point(x=1, y=" in run["tests"][4]["actual"].replace(
        "([('a', ", "({'a': "
    )


async def test_twenty_failures_of_one_cause_are_explained_once(client: Client) -> None:
    tests = "import pytest\nfrom solution import add\n@pytest.mark.parametrize('i', range(20))\n"
    tests += "def test_a(i): assert add(i, 1) == i + 1\ndef test_b(): add()\n"

    arguments = {"code": "def add(a, b): return a - b", "tests": tests}
    result = await client.call_tool("run_tests", arguments)

    text = text_of(result)
    assert text.count("E   assert") == 1
    assert "For the same cause 19 more: test_solution.py::test_a[1]," in text
    assert "missing 2 required positional arguments" in text


async def test_asserts_without_tests_are_not_called_none(client: Client) -> None:
    code = f"{ADD}assert add(1, 1) == 2\n"
    checks = f"{ADD}def check():\n    assert add(1, 1) == 2\n"

    ran = await client.call_tool("run_tests", {"code": code})
    uncalled = await client.call_tool("run_tests", {"code": checks})
    failed = await client.call_tool("run_tests", {"code": code.replace("== 2", "== 3")})

    assert "ran to its end, and with it one assert" in text_of(ran)
    assert "in functions that it does not call (check)" in text_of(uncalled)
    assert "assert add(1, 1) == 3" in text_of(failed)
    assert not any((result.structured_content or {})["ok"] for result in (ran, uncalled, failed))


async def test_tests_see_the_files_of_the_session_and_not_its_variables(client: Client) -> None:
    write = "open('data.txt', 'w').write('7'); x = 1"
    first = await client.call_tool("execute_python", {"code": write})
    session_id = text_of(first).rpartition("session_id: ")[2].strip()

    code = "def test_a(): assert open('data.txt').read() == '7' and 'x' not in globals()"
    arguments = {"code": code, "session_id": session_id}
    result = await client.call_tool("run_tests", arguments)
    after = await client.call_tool("execute_python", {"code": "x", "session_id": session_id})

    assert text_of(result).startswith("The test passed"), text_of(result)
    assert "isolated: false" in text_of(result)
    assert text_of(after).startswith("1\n")


async def test_wrong_arguments_are_refused_with_the_reason(
    client: Client, subtests: pytest.Subtests
) -> None:
    for arguments, said in REFUSED:
        with subtests.test(said):
            result = await client.call_tool("run_tests", arguments)

            assert result.is_error
            assert said in text_of(result)


async def test_test_files_of_the_session_are_found(client: Client) -> None:
    write = (
        "from pathlib import Path\nPath('checks').mkdir()\n"
        "Path('thing.py').write_text('def f(x):\\n    return x + 1\\n')\n"
        "Path('checks/conftest.py').write_text('import pytest\\n@pytest.fixture\\n"
        "def one(): return 1\\n')\n"
        "Path('checks/test_thing.py').write_text('from thing import f\\n"
        "def test_f(one): assert f(one) == 2\\ndef test_g(): assert f(1) == 3\\n')\n"
    )
    first = await client.call_tool("execute_python", {"code": write})
    session_id = text_of(first).rpartition("session_id: ")[2].strip()

    arguments = {"paths": ["checks"], "session_id": session_id}
    result = await client.call_tool("run_tests", arguments)

    run = result.structured_content
    assert run is not None
    assert (run["total"], run["passed"], run["failed"]) == (2, 1, 1), run
    assert run["isolated"] is False
    assert "checks/test_thing.py::test_g" in text_of(result)


async def test_missed_lines_are_told(client: Client) -> None:
    code = "def f(x):\n    if x:\n        return 1\n    return 2\n"

    arguments = {"code": code, "tests": "from solution import f\ndef test_a(): assert f(1) == 1"}
    result = await client.call_tool("run_tests", {**arguments, "coverage": True})

    run = result.structured_content
    assert run is not None
    assert run["ok"]
    if "coverage" in run:
        assert run["coverage"] == [{"file": "solution.py", "lines": 4, "missing": [4]}]
        assert "Coverage of solution.py: 3 of 4 lines; missed 4" in text_of(result)
    else:
        assert "`bellglass setup`" in text_of(result)


async def test_five_hundred_tests_are_followed_by_their_progress(client: Client) -> None:
    tests = "import pytest, time\nfrom solution import add\n"
    tests += "@pytest.mark.parametrize('i', range(500))\n"
    tests += "def test_a(i):\n    time.sleep(0.002)\n    assert add(i, 1) == i + 1\n"
    said: list[str] = []

    async def follow(progress: float, total: float | None, message: str | None) -> None:
        said.append(message or "")

    result = await client.call_tool(
        "run_tests", {"code": ADD, "tests": tests}, progress_callback=follow
    )

    assert text_of(result).startswith("All 500 tests passed")
    assert any(message.endswith(" of 500 tests") for message in said)
