"""One session's text does not delay other sessions: work that grows with it blocks no calls."""

import os
import secrets
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path

import anyio
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from protocol.support import http_server, text_of

ATTACKER = Path(__file__).with_name("worst_texts.py")

SECONDS = 0.050
CALLS = 200
"""At least, and until the other client has sent each of its texts."""

TAKE_NAME = "import ctypes; ctypes.CDLL(None).prctl(15, b{!r}, 0, 0, 0)"


def seconds_without_processor(pids: Iterable[int]) -> float:
    """Return how long threads of these were ready and another had the processor."""
    tasks = (task for pid in pids for task in Path(f"/proc/{pid}/task").iterdir())
    return sum(int((task / "schedstat").read_text().split()[1]) for task in tasks) / 1e9


def process_called(name: str) -> int:
    for file in Path("/proc").glob("[0-9]*/comm"):
        try:
            if file.read_text().strip() == name:
                return int(file.parent.name)
        except OSError:
            pass  # it has ended
    raise AssertionError(f"no process is called {name}")


def parent_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


async def p99_beside_worst_texts(server: int, url: str) -> float:
    """Return how long a call of a session takes while another client sends its texts.

    Less the time for which those who serve it had no processor: this machine has other work.
    """
    seconds: list[float] = []
    async with (
        Client(streamable_http_client(url), mode="legacy") as client,
        await anyio.open_process(
            [sys.executable, str(ATTACKER), url], stderr=subprocess.DEVNULL
        ) as process,
        anyio.create_task_group() as tasks,
    ):
        assert process.stdout is not None
        rounds = process.stdout

        async def wait_for_round() -> None:
            assert (await rounds.receive()).startswith(b"round")
            finished.set()

        finished = anyio.Event()
        tasks.start_soon(wait_for_round)
        name = secrets.token_hex(6)
        await client.call_tool("execute_python", {"code": TAKE_NAME.format(name)})
        worker = process_called(name)
        serving = [os.getpid(), server, parent_of(worker), worker]
        try:
            while len(seconds) < CALLS or not finished.is_set():
                without, started = seconds_without_processor(serving), time.perf_counter()
                result = await client.call_tool("execute_python", {"code": "1 + 1"})
                took = time.perf_counter() - started
                seconds.append(took - (seconds_without_processor(serving) - without))
                assert text_of(result).startswith("2\n")
                await anyio.sleep(0.01)  # not to be the load that it measures
        finally:
            process.kill()
    return sorted(seconds)[int(len(seconds) * 0.99) - 1]


@pytest.mark.alone
@pytest.mark.timeout(300)
async def test_worst_text_of_a_session_does_not_hold_up_another() -> None:
    with http_server() as (server, url):
        p99 = await p99_beside_worst_texts(server.process.pid, url)

    assert p99 < SECONDS, p99
