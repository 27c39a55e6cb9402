"""Long calls as tasks: named, fetched, cancelled; by raw requests over HTTP."""

from typing import Any

import anyio
import httpx2

TASKS = "io.modelcontextprotocol/tasks"
VERSION = "2026-07-28"


class Caller:
    def __init__(self, http: httpx2.AsyncClient, url: str, *, knows_tasks: bool = True) -> None:
        self._http, self._url = http, url
        self._capabilities: dict[str, Any] = {"extensions": {TASKS: {}}} if knows_tasks else {}

    async def ask(self, method: str, name: str, **params: Any) -> dict[str, Any]:
        meta = {
            "io.modelcontextprotocol/protocolVersion": VERSION,
            "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
            "io.modelcontextprotocol/clientCapabilities": self._capabilities,
        }
        key = "name" if method == "tools/call" else "taskId"
        message = {"jsonrpc": "2.0", "id": 1, "method": method}
        response = await self._http.post(
            self._url,
            json={**message, "params": {key: name, **params, "_meta": meta}},
            headers={
                "accept": "application/json, text/event-stream",
                "mcp-protocol-version": VERSION,
                "mcp-method": method,
                "mcp-name": name,
            },
            timeout=60,
        )
        answer: dict[str, Any] = response.json()
        return answer

    async def python(self, code: str, **arguments: Any) -> dict[str, Any]:
        arguments = {"code": code, **arguments}
        answer = await self.ask("tools/call", "execute_python", arguments=arguments)
        result: dict[str, Any] = answer["result"]
        return result


async def test_a_long_call_becomes_a_task_and_a_short_one_does_not(http_url: str) -> None:
    async with httpx2.AsyncClient() as http:
        caller = Caller(http, http_url)
        patient = Caller(http, http_url, knows_tasks=False)
        # The first call may start the sandbox, which can take long.
        first = await patient.python("x = 1")
        session = first["_meta"]["bellglass/execution"]["session_id"]
        short = await caller.python("'short'", session_id=session)
        code = "import time\ntime.sleep({})\n'long'"
        begun = await caller.python(code.format(7), session_id=session)
        unknown = await patient.ask("tasks/get", begun["taskId"])
        got = begun
        with anyio.fail_after(60):
            while got["status"] == "working":
                got = (await caller.ask("tasks/get", begun["taskId"]))["result"]

        endless = await caller.python(code.format(100), session_id=session, timeout=200)
        ack = await caller.ask("tasks/cancel", endless["taskId"])
        with anyio.fail_after(20):
            after = await patient.python("x", session_id=session)
        cancelled = await caller.ask("tasks/get", endless["taskId"])
        stranger = await caller.ask("tasks/get", "0" * 32)

    assert short["resultType"] == "complete"
    assert (begun["resultType"], begun["status"]) == ("task", "working")
    assert unknown["error"]["code"] == -32021
    assert got["status"] == "completed"
    assert got["result"]["content"][0]["text"] == "'long'"
    assert "error" not in ack
    assert after["content"][0]["text"] == "1"
    assert cancelled["result"]["status"] == "cancelled"
    assert stranger["error"]["code"] == -32602
