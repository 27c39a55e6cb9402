"""One session's text costs other sessions no time: nothing that grows with it is done between
their calls.
"""

import subprocess
import sys
import time
from pathlib import Path

import anyio
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from protocol.support import http_server, text_of

ATTACKER = Path(__file__).with_name("worst_texts.py")

SECONDS = 0.050
BUSY = 3
"""On a machine that is busy itself: as often the time beside a client that sends plain text."""
CALLS = 100
"""At least, and until the other client has sent each of its texts."""


async def p99_beside(kind: str, url: str) -> float:
    """Return how long a call of a session takes while another client sends its texts."""
    seconds: list[float] = []
    async with (
        await anyio.open_process(
            [sys.executable, str(ATTACKER), url, kind], stderr=subprocess.DEVNULL
        ) as process,
        Client(streamable_http_client(url), mode="legacy") as client,
        anyio.create_task_group() as tasks,
    ):
        assert process.stdout is not None
        rounds = process.stdout

        async def wait_for_round() -> None:
            assert (await rounds.receive()).startswith(b"round")
            finished.set()

        finished = anyio.Event()
        tasks.start_soon(wait_for_round)
        try:
            while len(seconds) < CALLS or not finished.is_set():
                started = time.perf_counter()
                result = await client.call_tool("execute_python", {"code": "1 + 1"})
                seconds.append(time.perf_counter() - started)
                assert text_of(result).startswith("2\n")
                await anyio.sleep(0.01)  # not to be the load that it measures
        finally:
            process.kill()
    return sorted(seconds)[int(len(seconds) * 0.99) - 1]


@pytest.mark.alone
@pytest.mark.timeout(300)
async def test_worst_text_of_a_session_does_not_hold_up_another() -> None:
    with http_server() as (_, url):
        plain = await p99_beside("plain", url)
        worst = await p99_beside("worst", url)

    assert worst < max(SECONDS, BUSY * plain), f"{worst:.3f} s, beside plain text {plain:.3f} s"
