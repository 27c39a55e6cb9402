"""A client on stdio that sends anything at all is answered, and served afterwards."""

from typing import Any

import pytest
from protocol.support import Wire

PING = {"jsonrpc": "2.0", "id": 99, "method": "ping"}

PARSE_ERROR, INVALID_REQUEST, INVALID_PARAMS = -32700, -32600, -32602


def call(code: bytes) -> bytes:
    return (
        b'{"jsonrpc":"2.0","id":5,"method":"tools/call","params":{"name":"execute_python",'
        b'"arguments":{"code":' + code + b"}}}"
    )


DEEP = b"[" * 20_000 + b"]" * 20_000


@pytest.mark.parametrize(
    ("line", "code", "request_id"),
    [
        (b"junk", PARSE_ERROR, None),
        (b"\x00\x01\x02", PARSE_ERROR, None),
        (b"{", PARSE_ERROR, None),
        (b"[]", INVALID_REQUEST, None),
        (b'"text"', INVALID_REQUEST, None),
        (b"{}", INVALID_REQUEST, None),
        (b'{"jsonrpc":"2.0","id":5,"method":5}', INVALID_REQUEST, 5),
        (b'{"jsonrpc":"2.0","id":5,"method":"tools/call","params":[1]}', INVALID_REQUEST, 5),
        (DEEP, PARSE_ERROR, None),
        (call(DEEP), PARSE_ERROR, 5),
        (call(b'"' + b"x" * 17_000_000 + b'"'), INVALID_REQUEST, 5),
        (call(b'"x"').replace(b'"execute_python"', b"5"), INVALID_PARAMS, 5),
    ],
    ids=[
        "text",
        "control-characters",
        "half-an-object",
        "array",
        "string",
        "empty-object",
        "method-is-a-number",
        "params-is-an-array",
        "deep",
        "deep-argument",
        "over-long",
        "tool-is-a-number",
    ],
)
async def test_line_that_is_no_request_is_answered(
    lasting_wire: Wire, line: bytes, code: int, request_id: int | None
) -> None:
    answer = await lasting_wire.ask(line)

    assert answer["error"]["code"] == code
    assert answer["id"] == request_id
    assert (await lasting_wire.ask(PING))["result"] == {}


def text_of_answer(answer: dict[str, Any]) -> str:
    text: str = answer["result"]["content"][0]["text"]
    return text


@pytest.mark.parametrize(
    "literal", [rb'"ascii(\"\ud800\")"', b'"ascii(\\"\xff\\")"'], ids=["surrogate", "not-utf-8"]
)
async def test_text_that_is_no_text_is_repaired_and_the_request_served(
    lasting_wire: Wire, literal: bytes
) -> None:
    answer = await lasting_wire.ask(call(literal))

    assert r"\ufffd" in text_of_answer(answer)


@pytest.mark.parametrize("code", [rb'"print(chr(0xd800))"', rb'"chr(0xd800) + chr(0)"'])
async def test_surrogate_in_a_result_does_not_end_the_server(
    lasting_wire: Wire, code: bytes
) -> None:
    await lasting_wire.ask(call(code))

    assert (await lasting_wire.ask(PING))["result"] == {}


@pytest.mark.parametrize(
    ("given", "named"), [(b"1.5", 1.5), (b"-2E3", -2000.0), (b"null", None), (b"false", None)]
)
async def test_request_with_an_id_of_another_type_is_answered(
    lasting_wire: Wire, given: bytes, named: float | None
) -> None:
    answer = await lasting_wire.ask(b'{"jsonrpc": "2.0", "id": %b, "method": "ping"}' % given)

    assert answer["id"] == named
    assert answer["error"]["code"] == -32600
    assert (await lasting_wire.ask(PING))["result"] == {}


async def test_blank_lines_are_let_pass(lasting_wire: Wire) -> None:
    lasting_wire.send(b"\n  \r\n")

    assert (await lasting_wire.ask(PING))["result"] == {}


async def test_standard_output_of_a_session_does_not_reach_the_wire(lasting_wire: Wire) -> None:
    answer = await lasting_wire.ask(call(rb'"import os; os.write(1, b\"junk\\n\"); None"'))

    assert answer["id"] == 5
