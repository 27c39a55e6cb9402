"""Cancellation by a client: the call stops, and its session goes on."""

import fcntl
import secrets
import struct
import termios
from functools import partial
from typing import Any

import anyio
import pytest
from mcp import Client, MCPError
from mcp.client.streamable_http import streamable_http_client
from protocol.support import Wire, connected, record_of, text_of
from security.support import ticks_of, until

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


async def test_client_that_stops_reading_holds_up_nothing_but_its_answers() -> None:
    """Not the turn of the session that it asked for progress of, and no other session."""
    mark = secrets.token_hex(5)
    """What the interpreters of its sessions are called, seen from the machine."""

    def call(number: int, code: str, **arguments: str) -> dict[str, Any]:
        named = f"import ctypes; ctypes.CDLL(None).prctl(15, b'{mark}-{number}', 0, 0, 0)\n{code}"
        params: dict[str, Any] = {
            "name": "execute_python",
            "arguments": {"code": named, **arguments},
            "_meta": {"progressToken": number},
        }
        return {"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": params}

    async def answered(*numbers: int) -> dict[int, dict[str, Any]]:
        """Read until these calls are answered."""
        results: dict[int, dict[str, Any]] = {}
        with anyio.fail_after(60):
            while set(numbers) - set(results):
                message = await wire.receive()
                if "id" in message:
                    results[message["id"]] = message["result"]
        return results

    with Wire(BELLGLASS_SESSION_SCOPE="explicit") as wire:
        await wire.initialize()
        wire.send(call(1, "x = 'kept'"))
        first = (await answered(1))[1]
        session = {"session_id": first["_meta"]["bellglass/execution"]["session_id"]}
        stdout = wire.process.stdout
        assert stdout is not None

        def waiting() -> int:
            """Bytes in the pipe that nobody has read."""
            (size,) = struct.unpack("i", fcntl.ioctl(stdout, termios.FIONREAD, b"\0" * 4))
            return int(size)

        fcntl.fcntl(stdout, fcntl.F_SETPIPE_SZ, 4096)
        wire.send(call(2, "print('x' * 15_000)", **session))
        await until(lambda: waiting() == 4096)  # and the server waits for room for the rest
        wire.send(call(3, "print('noted', flush=True)", **session))
        await until(lambda: ticks_of(f"{mark}-3") is not None)
        wire.send(call(4, "x", **session))
        await until(lambda: ticks_of(f"{mark}-4") is not None)
        wire.send(call(5, "6 * 7"))
        await until(lambda: ticks_of(f"{mark}-5") is not None)

        results = await answered(2, 3, 4, 5)

    said = [results[number]["content"][0]["text"].partition("\n")[0] for number in (3, 4, 5)]
    assert results[2]["content"][0]["text"].startswith("xxx")
    assert said == ["noted", "'kept'", "42"]
