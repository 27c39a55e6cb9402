"""No input makes a tool crash, hang or answer without a reason."""

import json
from collections.abc import Generator
from typing import Any

import pytest
from anyio.from_thread import BlockingPortal, start_blocking_portal
from hypothesis import given, settings
from hypothesis import strategies as st
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.types import CallToolResult
from protocol.support import connected, text_of

SECONDS = 30
"""For an answer; the calls themselves are given at most two."""

BOUNDED = settings(max_examples=40, derandomize=True, deadline=None, database=None)

# Words of both languages, and what programs that read them stumble over.
_WORDS = st.sampled_from(
    [
        *("def f(x):", "    return x", "class A:", "if", "else:", "while True:", "for i in x:"),
        *(
            "import os",
            "os.system('true')",
            "print(1)",
            "raise ValueError",
            "1/0",
            "yield",
            "await",
        ),
        *("lambda", "(", ")", "[", "]", "{", "}", "'", '"', "'''", "\\", "\n", "\t", " ", ";", "#"),
        *(
            "```",
            "```python\n",
            "~~~",
            "$(",
            "`",
            "<<EOF\n",
            "EOF",
            "|",
            "&",
            "&&",
            "echo",
            "exit 3",
        ),
        *(
            "fi",
            "done",
            "case",
            "\r\n",
            "\x00",
            "\x0c",
            "\u2028",
            "\ufeff",
            "é",
            "😀",
            "\x1b[",
        ),
        *("assert", "0x", "1e999", "import solution", "def test_a(): assert False", "sys.exit(2)"),
    ]
)
_TEXT = st.one_of(
    st.lists(_WORDS, max_size=12).map("".join),
    st.lists(_WORDS, max_size=12).map(" ".join),
    st.text(max_size=60),
    st.tuples(st.sampled_from("([{-~'\"`$\n"), st.integers(1, 5_000)).map(lambda x: x[0] * x[1]),
)
_VALUE = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), _TEXT),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXT, inner, max_size=3),
    max_leaves=5,
)
_CASE = st.one_of(
    st.fixed_dictionaries({"call": _TEXT, "expected": _VALUE}),
    st.fixed_dictionaries({"call": _TEXT, "raises": _TEXT}),
)


class Caller:
    """One server and one client for all examples, called from a test without an event loop."""

    def __init__(self, portal: BlockingPortal, client: Client) -> None:
        self._portal = portal
        self._client = client

    def __call__(self, tool: str, arguments: dict[str, Any]) -> None:
        result = self._portal.call(self._call, tool, json.loads(json.dumps(arguments)))
        assert text_of(result).strip(), "no reason"
        assert "Traceback" not in text_of(result) or "<call" in text_of(result)
        assert "bellglass/" not in text_of(result), "a path of ours"

    async def _call(self, tool: str, arguments: dict[str, Any]) -> CallToolResult:
        return await self._client.call_tool(tool, arguments, read_timeout_seconds=SECONDS)


@pytest.fixture(scope="module")
def call(http_url: str) -> Generator[Caller]:
    with (
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(
            connected(streamable_http_client(http_url), "legacy")
        ) as client,
    ):
        yield Caller(portal, client)


@BOUNDED
@given(code=_TEXT, language=st.sampled_from(["python", "bash"]))
def test_validate_code_answers(call: Caller, code: str, language: str) -> None:
    call("validate_code", {"code": code, "language": language})


@BOUNDED
@given(code=_TEXT)
def test_execute_python_answers(call: Caller, code: str) -> None:
    call("execute_python", {"code": code, "timeout": 1})


@BOUNDED
@given(command=_TEXT)
def test_execute_bash_answers(call: Caller, command: str) -> None:
    call("execute_bash", {"command": command, "timeout": 1})


@settings(BOUNDED, max_examples=20)
@given(code=_TEXT, tests=st.none() | _TEXT, cases=st.none() | st.lists(_CASE, max_size=3))
def test_run_tests_answers(call: Caller, code: str, tests: str | None, cases: Any) -> None:
    call("run_tests", {"code": code, "tests": tests, "cases": cases, "timeout": 2})


@BOUNDED
@given(
    tool=st.sampled_from(["execute_python", "execute_bash", "validate_code", "run_tests"]),
    arguments=st.dictionaries(
        st.sampled_from(["code", "command", "language", "tests", "cases", "session_id", "timeout"])
        | _TEXT,
        _VALUE,
        max_size=4,
    ),
)
def test_any_arguments_are_answered(call: Caller, tool: str, arguments: dict[str, Any]) -> None:
    call(tool, arguments)
