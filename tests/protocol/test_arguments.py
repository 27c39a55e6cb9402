"""Wrong arguments: each gets an answer that a model can act on, and none ends the server."""

from typing import Any

import pytest
from mcp import Client
from protocol.support import Wire, text_of

WRONG: list[tuple[dict[str, Any], str]] = [
    ({}, "code is missing"),
    ({"code": 5}, "code must be a string, not a number"),
    ({"code": ["1"]}, "code must be a string, not an array"),
    ({"code": None}, "code must be a string, not null"),
    ({"code": "x = '\0'"}, "NUL character in line 1"),
    ({"code": "x" * (2**20 + 1)}, "1,048,577 characters, of which it may have 1,048,576"),
    ({"code": "1", "timeout": -1}, "above 0 and at most 300, not -1"),
    ({"code": "1", "timeout": 0}, "above 0 and at most 300, not 0"),
    ({"code": "1", "timeout": 301}, "above 0 and at most 300, not 301"),
    ({"code": "1", "timeout": "soon"}, "above 0 and at most 300, not 'soon'"),
    ({"code": "1", "timeout": True}, "above 0 and at most 300, not True"),
    ({"code": "1", "session_id": 5}, "session_id must be a string"),
    ({"code": "1", "session_id": {"id": "x"}}, "session_id must be a string"),
    ({"code": "1", "session_id": "x" * 1000}, "session_id has 1,000 characters"),
    ({"code": "1", "session_id": ""}, "Call again without session_id"),
    ({"code": "1", "session_id": "../../etc/passwd"}, "Call again without session_id"),
    ({"code": "1", "sessionid": "x"}, "did you mean 'session_id'?"),
]

GIVEN: dict[str, dict[str, Any]] = {
    "execute_python": {"code": "6 * 7"},
    "validate_code": {"code": "6 * 7"},
    "run_tests": {"code": "x = 1", "cases": [{"call": "x", "expected": 1}]},
}


async def test_wrong_argument_is_explained(client: Client, subtests: pytest.Subtests) -> None:
    for arguments, explanation in WRONG:
        with subtests.test(explanation):
            result = await client.call_tool("execute_python", arguments)

            assert result.is_error
            assert explanation in text_of(result)
            assert len(text_of(result)) < 1_000

    alive = await client.call_tool("execute_python", {"code": "40 + 2"})
    assert text_of(alive).startswith("42\n")


async def test_null_is_as_good_as_left_out(client: Client) -> None:
    listed = (await client.list_tools()).tools
    for tool in listed:
        if tool.name in ("execute_python", "validate_code", "run_tests"):
            nothing = dict.fromkeys(tool.input_schema["properties"])

            result = await client.call_tool(tool.name, {**nothing, **GIVEN[tool.name]})

            assert not result.is_error, text_of(result)


async def test_unknown_tool_is_told_which_there_are(client: Client) -> None:
    result = await client.call_tool("x" * 10_000, {})

    assert result.is_error
    assert "execute_python" in text_of(result)
    assert len(text_of(result)) < 1_000


@pytest.mark.parametrize("timeout", [b"NaN", b"Infinity", b"-Infinity", b"1e999"])
async def test_time_limit_that_is_no_number_is_refused(lasting_wire: Wire, timeout: bytes) -> None:
    answer = await lasting_wire.ask(
        b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"execute_python",'
        b'"arguments":{"code":"1","timeout":' + timeout + b"}}}"
    )

    assert answer["result"]["isError"]
    assert "above 0 and at most 300" in answer["result"]["content"][0]["text"]


async def test_empty_code_has_a_friendly_answer(client: Client) -> None:
    result = await client.call_tool("execute_python", {"code": ""})

    assert not result.is_error
    assert "nothing to run" in text_of(result)
