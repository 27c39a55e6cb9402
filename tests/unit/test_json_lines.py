import json

import pytest

from bellglass.server.stdio.json_lines import Line, LineBuffer, find_id, repair


def cut(*chunks: bytes, limit: int = 100) -> list[Line]:
    buffer = LineBuffer(limit)
    lines = [line for chunk in chunks for line in buffer.feed(chunk)]
    return [*lines, *buffer.end()]


def test_lines_are_cut_wherever_the_chunks_end() -> None:
    assert cut(b"on", b"e\ntwo\n", b"three") == [Line(b"one"), Line(b"two"), Line(b"three")]


def test_long_line_is_named_and_the_next_one_is_whole() -> None:
    long, after = cut(b"x" * 60, b"x" * 60, b"x" * 60, b"\nafter\n")

    assert long.too_long
    assert after == Line(b"after")


def test_long_line_is_not_kept() -> None:
    buffer = LineBuffer(100)

    for _ in range(1000):
        assert not list(buffer.feed(b"x" * 50))

    assert len(b"".join(buffer._parts)) <= 150


@pytest.mark.parametrize(
    ("sent", "meant"),
    [
        (rb'"a\ud800b"', "a\ufffdb"),
        (rb'"\uDFFF"', "\ufffd"),
        (rb'"\ud83d\ude00"', "\U0001f600"),
        (rb'"\ud83d\ud83d\ude00"', "\ufffd\U0001f600"),
        (rb'"\\ud800"', "\\ud800"),
        (rb'"\\\ud800"', "\\\ufffd"),
        (b'"\xff"', "\ufffd"),
        (b'"\xed\xa0\x80"', "\ufffd\ufffd\ufffd"),
        ('"é€"'.encode(), "é€"),
    ],
)
def test_text_is_repaired_and_nothing_else(sent: bytes, meant: str) -> None:
    assert json.loads(repair(sent)) == meant


@pytest.mark.parametrize(
    ("line", "found"),
    [
        (b'{"jsonrpc":"2.0","id":7,"params":{"x":', 7),
        (b'{"id" : "a-b" , "x":', "a-b"),
        (b'{"params":{"id":5,"x":[[', None),
        (b'{"params":{"text":"{\\"id\\":5,"},"id":6}', 6),
        (b'{"params":' + b"[" * 70_000 + b"]" * 70_000 + b',"id":8}', 8),
        (b'{"id":{"a":1}}', None),
        (b"junk", None),
        (b"", None),
    ],
)
def test_id_is_found_where_a_client_writes_it(line: bytes, found: object) -> None:
    assert find_id(line) == found
