"""The writer to a client: whole messages, at the client's pace, with its descriptor unchanged."""

from __future__ import annotations

import fcntl
import os
import socket
from typing import TYPE_CHECKING

import anyio
import pytest
from anyio import to_thread

from bellglass.server.stdio.stdout_writer import StdoutWriter

if TYPE_CHECKING:
    from collections.abc import Iterator

MESSAGE = "ä" * 500_000


def pipe() -> tuple[int, int]:
    return os.pipe()


def sockets() -> tuple[int, int]:
    one, other = socket.socketpair()
    return one.detach(), other.detach()


@pytest.fixture(params=[pipe, sockets])
def ends(request: pytest.FixtureRequest) -> Iterator[tuple[int, int]]:
    """Yield where a client reads, and where we write."""
    reads, writes = request.param()
    yield reads, writes
    for fd in (reads, writes):
        try:
            os.close(fd)
        except OSError:
            assert fd == reads  # which the test has closed


def read_all(fd: int, size: int) -> bytes:
    data = b""
    while len(data) < size:
        data += os.read(fd, 7_000)
    return data


async def test_a_long_message_arrives_whole_and_holds_up_nobody(ends: tuple[int, int]) -> None:
    reads, writes = ends
    flags = fcntl.fcntl(writes, fcntl.F_GETFL)
    wire = StdoutWriter(writes)
    sent = anyio.Event()

    async def write() -> None:
        await wire.write(MESSAGE)
        await wire.flush()
        sent.set()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(write)
        await anyio.wait_all_tasks_blocked()  # nobody reads yet, and we are not held up
        assert not sent.is_set()
        data = await to_thread.run_sync(read_all, reads, len(MESSAGE.encode()))
        await sent.wait()
    wire.close()

    assert data.decode() == MESSAGE
    assert fcntl.fcntl(writes, fcntl.F_GETFL) == flags


async def test_a_client_that_is_gone_is_told(ends: tuple[int, int]) -> None:
    reads, writes = ends
    wire = StdoutWriter(writes)
    os.close(reads)

    with pytest.raises(BrokenPipeError):
        await wire.write("{}\n")
    wire.close()


async def test_a_file_takes_it_too(tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("wire") / "out"
    fd = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
    wire = StdoutWriter(fd)
    await wire.write(MESSAGE)
    wire.close()
    os.close(fd)

    assert path.read_text("utf-8") == MESSAGE
