"""Every tool that runs code refuses what the operator's policy refuses, before any of it runs."""

from typing import Any

import pytest
from mcp import Client
from protocol.support import BOTH_WAYS, Connect, text_of

POLICY = {
    "BELLGLASS_REFUSE_RISKS": "deletes files, Opens the network",
    "BELLGLASS_REFUSE_IMPORTS": "ctypes,xml.etree",
    "BELLGLASS_MAX_CODE_CHARACTERS": "300",
}

REMOVE = "print('begun')\nimport os\nos.remove('x')"

REFUSED: list[tuple[str, dict[str, Any], str]] = [
    ("execute_python", {"code": REMOVE}, "line 3 deletes files (os.remove deletes a file)"),
    ("execute_python", {"code": f"```python\n{REMOVE}\n```"}, "line 3 deletes files"),
    ("execute_python", {"code": "import ctypes"}, "line 1 imports ctypes"),
    ("execute_python", {"code": "from xml import etree"}, "line 1 imports xml.etree"),
    ("execute_python", {"code": "__import__('cty' + 'pes')"}, "line 1 imports ctypes"),
    ("execute_python", {"code": "__import__(input())"}, "known only when it runs"),
    ("execute_python", {"code": "eval('1')\n" * 25 + REMOVE}, "deletes files"),
    ("execute_python", {"code": "print('begun')\nx = = 1"}, "cannot be looked through: line 2"),
    (
        "execute_python",
        {"code": "#" * 301},
        "301 characters, and the operator of this server takes",
    ),
    ("execute_bash", {"command": "echo begun; rm x"}, "line 1 deletes files (rm deletes files)"),
    ("execute_bash", {"command": "echo begun\nfi"}, "cannot be looked through: line 2"),
    ("execute_bash", {"command": "echo begun; " + "$(" * 100}, "cannot be looked through"),
    ("run_tests", {"code": REMOVE}, "deletes files"),
    ("run_tests", {"code": "x = 1", "tests": REMOVE}, "deletes files"),
    (
        "run_tests",
        {"code": "1", "cases": [{"call": "__import__('ctypes')", "expected": 1}]},
        "ctypes",
    ),
    (
        "run_tests",
        {
            "code": "x = 1",
            "cases": [
                {"call": text, "expected": 1} for text in ("'''", "__import__('ctypes')", "'''")
            ],
        },
        "call 1 cannot be looked through",
    ),
]


@BOTH_WAYS
async def test_what_the_policy_refuses_is_not_run(
    connect: Connect, subtests: pytest.Subtests
) -> None:
    async with connect(**POLICY) as client:
        for tool, arguments, reason in REFUSED:
            with subtests.test(reason=reason, tool=tool):
                result = await client.call_tool(tool, arguments)

                assert result.is_error
                assert "efused" in text_of(result)
                assert reason in text_of(result)
                assert "begun" not in text_of(result)

        await _runs(client)


async def _runs(client: Client) -> None:
    """Whatever is not refused goes on as ever."""
    python = await client.call_tool("execute_python", {"code": "import os; os.getpid() > 0"})
    bash = await client.call_tool("execute_bash", {"command": "echo $((1 + 1))"})
    case = {"call": "f(1)", "expected": 1}
    tested = await client.call_tool("run_tests", {"code": "def f(a): return a", "cases": [case]})
    checked = await client.call_tool("validate_code", {"code": REMOVE})

    assert text_of(python).startswith("True")
    assert text_of(bash).startswith("2")
    assert "The test passed" in text_of(tested)
    assert "deletes files" in text_of(checked)


async def test_without_a_policy_nothing_is_refused_but_size_and_nul(client: Client) -> None:
    code = "import ctypes, os, shutil\nopen('x', 'w').close()\nos.remove('x')\neval('40 + 2')"

    result = await client.call_tool("execute_python", {"code": code})
    nul = await client.call_tool("execute_python", {"code": "x = '\0'"})

    assert text_of(result).startswith("42")
    assert nul.is_error


@BOTH_WAYS
async def test_what_cannot_be_checked_in_time_is_refused(connect: Connect) -> None:
    async with connect(BELLGLASS_REFUSE_RISKS="deletes files") as client:
        deep = await client.call_tool("execute_python", {"code": "-" * 100_000 + "1"})
        large = await client.call_tool("execute_python", {"code": "x = 1\n" * 160_000})

    for result in (deep, large):
        assert result.is_error
        assert "it c" in text_of(result)
        assert "nothing was run" in text_of(result)
