"""A client that gives up: what it asked for stops, and its session lives."""

from functools import partial
from typing import Any

import anyio
import pytest
from mcp import Client, MCPError
from mcp.client.streamable_http import streamable_http_client
from protocol.support import connected, record_of, text_of

ENDLESS = "import time\nprint('on', flush=True)\nwhile True:\n    time.sleep(0.01); ticks += 1"


async def test_cancelled_call_stops_and_the_session_lives(client: Client) -> None:
    first = await client.call_tool("execute_python", {"code": "ticks = 0"})
    session_id = record_of(first)["session_id"]
    running = anyio.Event()

    async def on_progress(progress: float, total: float | None, message: str | None) -> None:
        running.set()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(
            partial(
                client.call_tool,
                "execute_python",
                {"code": ENDLESS, "session_id": session_id, "timeout": 60},
                progress_callback=on_progress,
            )
        )
        with anyio.fail_after(60):
            await running.wait()
        tasks.cancel_scope.cancel()

    # Calls of a session take turns: an answer at all means that the endless one has ended.
    with anyio.fail_after(20):
        after = await client.call_tool(
            "execute_python", {"code": "ticks > 0", "session_id": session_id}
        )
    assert text_of(after).startswith("True\n")


async def test_client_that_leaves_a_modern_connection_cancels(http_url: str) -> None:
    async with connected(streamable_http_client(http_url), "modern") as client:
        first = await client.call_tool("execute_python", {"code": "ticks = 0"})
    session_id = record_of(first)["session_id"]
    running = anyio.Event()

    async def on_progress(progress: float, total: float | None, message: str | None) -> None:
        running.set()

    with anyio.move_on_after(60) as scope:
        async with (
            connected(streamable_http_client(http_url), "modern") as client,
            anyio.create_task_group() as tasks,
        ):
            tasks.start_soon(
                partial(
                    client.call_tool,
                    "execute_python",
                    {"code": ENDLESS, "session_id": session_id, "timeout": 60},
                    progress_callback=on_progress,
                )
            )
            await running.wait()
            scope.cancel()

    assert running.is_set()
    async with connected(streamable_http_client(http_url), "modern") as client:
        with anyio.fail_after(20):
            after = await client.call_tool(
                "execute_python", {"code": "ticks > 0", "session_id": session_id}
            )
    assert text_of(after).startswith("True\n")


async def test_client_time_out_is_a_cancellation(client: Client) -> None:
    first = await client.call_tool("execute_python", {"code": "ticks = 0"})
    arguments: dict[str, Any] = {
        "code": ENDLESS,
        "session_id": record_of(first)["session_id"],
        "timeout": 60,
    }
    with pytest.raises(MCPError):
        await client.call_tool("execute_python", arguments, read_timeout_seconds=1)

    with anyio.fail_after(20):
        after = await client.call_tool("execute_python", {**arguments, "code": "'alive'"})
    assert text_of(after).startswith("'alive'\n")
