"""The end of the server, in any way and also during a call: within seconds nothing is left."""

import json
import signal
import subprocess

import anyio
import pytest
from mcp import MCPError
from mcp.client.streamable_http import streamable_http_client
from protocol.support import COMMAND, Wire, connected, gone, http_server, sandbox_processes

SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)

ENDLESS = "print('on', flush=True)\nwhile True: pass"


async def test_end_of_input_ends_everything(wire: Wire) -> None:
    before = sandbox_processes()
    await wire.start_call(ENDLESS, timeout=60)
    started = sandbox_processes() - before
    assert started
    assert wire.process.stdin is not None

    wire.process.stdin.close()

    assert await wire.ended(20) == 0
    with anyio.fail_after(20):
        await gone(*started)


async def test_end_of_input_without_a_call_ends_at_once(wire: Wire) -> None:
    assert wire.process.stdin is not None

    wire.process.stdin.close()

    assert await wire.ended(20) == 0


@pytest.mark.parametrize("number", SIGNALS, ids=lambda number: number.name)
async def test_signal_ends_everything_while_input_stays_open(
    wire: Wire, number: signal.Signals
) -> None:
    before = sandbox_processes()
    await wire.start_call(ENDLESS, timeout=60)
    started = sandbox_processes() - before
    assert started

    wire.process.send_signal(number)

    assert await wire.ended(20) == 128 + number
    with anyio.fail_after(20):
        await gone(*started)


async def test_killed_server_leaves_nothing(wire: Wire) -> None:
    before = sandbox_processes()
    await wire.start_call(ENDLESS, timeout=60)
    started = sandbox_processes() - before
    assert started

    wire.process.kill()

    with anyio.fail_after(20):
        await gone(*started)


@pytest.mark.parametrize("era", ["legacy", "modern"])
@pytest.mark.parametrize("number", SIGNALS, ids=lambda number: number.name)
async def test_signal_ends_an_http_server_in_the_middle_of_a_call(
    era: str, number: signal.Signals
) -> None:
    with http_server() as (server, url):
        before = sandbox_processes()
        running = anyio.Event()

        async def on_progress(progress: float, total: float | None, message: str | None) -> None:
            running.set()

        async def call() -> None:
            with pytest.raises(MCPError):
                await client.call_tool(
                    "execute_python",
                    {"code": ENDLESS, "timeout": 60},
                    progress_callback=on_progress,
                )

        async with (
            connected(streamable_http_client(url), era) as client,
            anyio.create_task_group() as tasks,
        ):
            tasks.start_soon(call)
            with anyio.fail_after(60):
                await running.wait()
            started = sandbox_processes() - before
            assert started

            server.process.send_signal(number)

            assert await server.ended(20) == 128 + number
            with anyio.fail_after(20):
                await gone(*started)
        assert "Traceback" not in server.log


@pytest.mark.parametrize("closed", ["<&-", ">&-"])
def test_closed_standard_files_are_an_answer(closed: str) -> None:
    done = subprocess.run(
        ["bash", "-c", f'"$0" {closed}', COMMAND], stderr=subprocess.PIPE, text=True, timeout=60
    )

    assert done.returncode == 2
    assert "stdin or stdout is closed" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_without_stderr_it_serves() -> None:
    ping = '{"jsonrpc":"2.0","id":1,"method":"ping"}\n'
    done = subprocess.run(
        ["bash", "-c", '"$0" 2>&-', COMMAND], input=ping, capture_output=True, text=True, timeout=60
    )

    assert done.returncode == 0
    assert json.loads(done.stdout) == {"jsonrpc": "2.0", "id": 1, "result": {}}
