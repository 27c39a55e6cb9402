"""What is logged of a call: enough to watch, nothing to steal."""

import re

import pytest
from mcp.client.streamable_http import streamable_http_client
from protocol.support import Wire, connected, http_server, record_of

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
