"""Frames of an engine on an attached stream, in any pieces."""

from __future__ import annotations

import random
import struct

import pytest

from bellglass.sandboxes.backends.docker.frames import MAX_ERROR_BYTES, DockerStreamError, Frames


def piece(kind: int, data: bytes) -> bytes:
    return struct.pack(">BxxxI", kind, len(data)) + data


def taken(frames: Frames, most: int = 1 << 20) -> bytes:
    found = bytearray()
    while data := frames.take(most):
        assert len(data) <= most
        found += data
    return bytes(found)


def test_stdout_comes_out_whole_however_it_is_cut() -> None:
    chance = random.Random(1)
    said = [chance.randbytes(chance.randrange(2000)) for _ in range(50)]
    wire = b"".join(piece(1, data) + piece(2, b"aside") for data in said)
    for _ in range(20):
        frames, found, at = Frames(), bytearray(), 0
        while at < len(wire):
            size = chance.choice((1, 2, 7, 8, 9, 500, 5000))
            frames.feed(wire[at : at + size])
            found += taken(frames, chance.choice((1, 64, 4096)))
            at += size

        assert bytes(found) == b"".join(said)


def test_of_stderr_only_the_end_is_kept() -> None:
    frames = Frames()
    frames.feed(piece(2, b"x" * 100_000) + piece(2, b"the end"))

    assert taken(frames) == b""
    assert len(frames.errors) == MAX_ERROR_BYTES
    assert frames.errors.endswith(b"the end")


def test_nothing_of_a_piece_is_lost_that_is_taken_in_parts() -> None:
    frames = Frames()
    frames.feed(piece(1, b"abcdef"))

    assert [frames.take(4), frames.take(4), frames.take(4)] == [b"abcd", b"ef", b""]


def test_empty_pieces_say_nothing() -> None:
    frames = Frames()
    frames.feed(piece(1, b"") + piece(2, b"") + piece(1, b"x"))

    assert taken(frames) == b"x"


@pytest.mark.parametrize("wire", [b"HTTP/1.1", b"\x00" * 8, b"\x03\0\0\0\0\0\0\x01"])
def test_what_is_no_stream_of_an_engine_is_refused(wire: bytes) -> None:
    frames = Frames()
    frames.feed(wire)

    with pytest.raises(DockerStreamError):
        frames.take(100)
