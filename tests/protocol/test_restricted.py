"""`bellglass --sandbox restricted` as a client meets it."""

from mcp import Client
from protocol.support import BOTH_WAYS, Connect, record_of, text_of

pytestmark = BOTH_WAYS

SETTINGS = {"BELLGLASS_SANDBOX": "restricted"}


async def test_conversation_with_the_restricted_tier(connect: Connect) -> None:
    async with connect(**SETTINGS) as client:
        first = await client.call_tool("execute_python", {"code": "def f(n): return n / 0\nx = 41"})
        session = {"session_id": record_of(first)["session_id"]}
        value = await client.call_tool("execute_python", {"code": "x + 1", **session})
        failed = await client.call_tool("execute_python", {"code": "y = 1\ny + f(2)", **session})

    assert text_of(value).startswith("42\n")
    assert record_of(value)["sandbox"]["name"] == "restricted"
    assert text_of(failed).startswith(
        "Failed: ZeroDivisionError: division by zero (line 1 of an earlier call, in f)"
    )
    assert record_of(failed)["error"]["line"] == 2


async def test_what_the_tier_has_not_is_said(connect: Connect) -> None:
    async with connect(**SETTINGS) as client:
        bash = await client.call_tool("execute_bash", {"command": "ls"})
        tests = await client.call_tool("run_tests", {"code": "x = 1", "tests": "def test(): pass"})
        module = await client.call_tool("execute_python", {"code": "import numpy"})
        syntax = await client.call_tool("execute_python", {"code": "def f():\n    yield 1"})
        file = await client.call_tool("execute_python", {"code": "open('/etc/passwd')"})
        name = await client.call_tool("execute_python", {"code": "input()"})
        written = await client.call_tool("write_file", {"path": "a", "text": "x"})

    assert "has no Bash" in text_of(bash)
    assert 'pass code and cases alone: {"call": "add(2, 3)", "expected": 5}' in text_of(tests)
    assert "here are only" in text_of(module)
    assert "subset of Python" in text_of(syntax)
    assert "subset of Python: it has no files. Permission denied: '/etc/passwd'" in text_of(file)
    assert "write the data into the code" in text_of(file)
    assert "input is not in it" in text_of(name)
    assert written.is_error
    assert "has no files. Use execute_python" in text_of(written)


async def test_cases_are_judged(connect: Connect) -> None:
    async with connect(**SETTINGS) as client:
        result = await client.call_tool(
            "run_tests",
            {
                "code": "def half(n):\n    return n / 2 if n else [][0]\n"
                "def forever():\n    while True: pass",
                "cases": [
                    {"call": "half(1)", "expected": 0.5},
                    {"call": "half(0)", "raises": "IndexError"},
                    {"call": "half(4)", "expected": 3},
                    {"call": "forever()", "expected": 1},
                    {"call": "half(2)", "expected": 1},
                ],
                "test_timeout": 3,
            },
        )

    run = result.structured_content or {}
    assert [test["outcome"] for test in run["tests"]] == [
        "passed",
        "passed",
        "failed",
        "failed",
        "passed",
    ]
    assert run["ok"] is False


async def test_code_is_checked_without_a_sandbox_for_it(connect: Connect) -> None:
    async with connect(**SETTINGS) as client:
        result = await client.call_tool("validate_code", {"code": "import os\nos.system('x')"})

    assert (result.structured_content or {})["risks"]


async def test_manual_says_what_there_is(connect: Connect) -> None:
    async with connect(**SETTINGS) as client:
        manual = await _manual(client)

    assert "subset of Python" in manual
    assert "numpy" not in manual


async def _manual(client: Client) -> str:
    tools = (await client.list_tools()).tools
    return next(tool.description or "" for tool in tools if tool.name == "execute_python")
