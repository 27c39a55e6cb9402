"""The log line of a call: enough for monitoring, without secrets."""

import re
import subprocess

import pytest
from mcp.client.streamable_http import streamable_http_client
from protocol.support import COMMAND, Wire, connected, environment, http_server, record_of

SECRET = "a-secret-in-the-code"


async def test_one_line_a_call_without_code_output_or_id(wire: Wire) -> None:
    answer = await wire.ask(
        {
            "jsonrpc": "2.0",
            "id": 1,
            "method": "tools/call",
            "params": {"name": "execute_python", "arguments": {"code": f"print('{SECRET}')"}},
        }
    )
    session_id = answer["result"]["_meta"]["bellglass/execution"]["session_id"]
    assert wire.process.stdin is not None
    wire.process.stdin.close()
    await wire.ended(30)
    assert wire.process.stderr is not None
    log = wire.process.stderr.read().decode()

    lines = [line for line in log.splitlines() if "execute_python" in line]
    assert len(lines) == 1
    assert re.search(r" execute_python ok \d+\.\d{3} s session [0-9a-f]{8}$", lines[0])
    assert SECRET not in log
    assert session_id not in log


@pytest.mark.parametrize("era", ["legacy", "modern"])
async def test_http_log_names_no_session(era: str) -> None:
    with http_server(BELLGLASS_LOG_LEVEL="debug") as (server, url):
        async with connected(streamable_http_client(url), era) as client:
            result = await client.call_tool("execute_python", {"code": f"'{SECRET}'"})
            session_id = record_of(result)["session_id"]
        server.process.terminate()
        await server.ended(30)
        log = server.log

    assert "execute_python ok" in log
    assert session_id not in log
    assert SECRET not in log
    assert not re.search(r"\b[0-9a-f]{32}\b", log)


def traced(**settings: str) -> str:
    done = subprocess.run(
        [COMMAND, "run", "-"],
        input=f"secret = '{SECRET}'; print(secret)",
        env=environment(settings),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout == f"{SECRET}\n"
    return done.stderr


def test_trace_tells_sizes_and_times_and_no_code() -> None:
    log = traced(BELLGLASS_TRACE="frames,supervisor")

    assert re.search(
        r" DEBUG bellglass\.trace\.frames: sandbox 1 -> python \d+, \d+ bytes$", log, re.M
    )
    assert re.search(
        r" DEBUG bellglass\.trace\.frames: sandbox 1 <- reply \d+, \d+ bytes$", log, re.M
    )
    assert re.search(
        r" DEBUG bellglass\.trace\.supervisor: python \d+: ready to run [\d.]+ ms, ended ", log
    )
    assert SECRET not in log
    assert "secret" not in log


def test_trace_is_off_by_itself_and_an_unknown_one_is_told() -> None:
    log = traced(BELLGLASS_TRACE="frame", BELLGLASS_LOG_LEVEL="debug")

    assert "BELLGLASS_TRACE: nothing is called 'frame'. There are: frames, supervisor." in log
    assert "bellglass.trace" not in log


def test_packages_have_levels_of_their_own() -> None:
    log = traced(BELLGLASS_LOG_LEVEL="error,server.middleware=info")

    assert [line.split()[3] for line in log.splitlines()] == ["bellglass.server.middleware:"] * 2
