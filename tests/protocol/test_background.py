"""Background runs through a real client: begun, read, awaited, stopped."""

import re
import secrets
from functools import partial
from itertools import pairwise
from typing import Any

import anyio
from mcp import Client
from protocol.support import BOTH_WAYS, Connect, record_of, text_of
from security.support import ticks_of, until

SERVE = "python3 -u -m http.server 8000 --bind 127.0.0.1"
ASK = """
import time, urllib.request
for _ in range(100):
    try:
        status = urllib.request.urlopen('http://127.0.0.1:8000/').status
        break
    except OSError:
        time.sleep(0.1)
status
"""
LASTING = """
import ctypes, os, time
ctypes.CDLL(None).prctl(15, b'MARK', 0, 0, 0)
if os.fork() == 0:
    os.setsid()
while True:
    print('still here', flush=True)
    time.sleep(0.5)
"""
COUNT = """
import os, time
print('begun', flush=True)
while not os.path.exists('go'):
    time.sleep(0.02)
number = 0
while not os.path.exists('enough'):
    print('line', number, flush=True)
    number += 1
    time.sleep(0.1)
seed * 2
"""


async def test_story_of_two_runs(client: Client) -> None:
    first = await client.call_tool("execute_python", {"code": "seed = 21"})
    session_id = record_of(first)["session_id"]
    notes: list[tuple[float, str]] = []
    heard = anyio.Event()

    async def on_progress(progress: float, total: float | None, message: str | None) -> None:
        notes.append((progress, message or ""))
        if sum("line" in message for _, message in notes) == 2:
            heard.set()

    async def call(tool: str, **arguments: Any) -> str:
        result = await client.call_tool(tool, {"session_id": session_id, **arguments})
        assert not result.is_error, text_of(result)
        return text_of(result)

    begun = await client.call_tool(
        "execute_python", {"session_id": session_id, "code": COUNT, "background": True}
    )
    assert text_of(begun).startswith("Started r1 in the background, for at most 60 minutes.")
    assert record_of(begun)["status"] == "running"
    assert record_of(begun)["run"]["id"] == "r1"
    assert (await call("execute_bash", command=SERVE, background=True)).startswith("Started r2")

    # Both go on while calls run, which see the same files and the same loopback.
    assert (await call("execute_python", code=ASK)).startswith("200\n")
    listed = await call("background_run")
    assert [line.partition(",")[0] for line in listed.splitlines()[:2]] == [
        "r1 (python): running",
        "r2 (bash): running",
    ]
    assert "2 background runs" in text_of(await client.call_tool("list_sessions", {})) or (
        "None to list" in text_of(await client.call_tool("list_sessions", {}))
    )

    async def end_it() -> None:
        with anyio.fail_after(60):
            await heard.wait()
        await call("execute_bash", command="touch enough")

    await call("execute_bash", command="touch go; cat /tmp/r1-stdout.txt")
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(end_it)
        ended = await client.call_tool(
            "background_run",
            {"session_id": session_id, "run_id": "r1", "wait": 80},
            progress_callback=on_progress,
        )
    assert record_of(ended)["status"] == "ok"
    assert text_of(ended).startswith("r1 ended after ")
    lines = re.findall(r"^line (\d+)$", text_of(ended), re.MULTILINE)
    assert lines == [str(number) for number in range(len(lines))]
    assert f"line {lines[-1]}\n42\n" in text_of(ended)
    times = [progress for progress, _ in notes]
    assert all(later - sooner >= 0.49 for sooner, later in pairwise(times))
    assert "line" not in await call("background_run", run_id="r1")

    stopped = await call("background_run", run_id="r2", stop=True)
    assert stopped.startswith("r2 was stopped after ")
    assert '"GET / HTTP/1.1" 200' in stopped
    assert (await call("execute_python", code="seed")).startswith("21\n")


async def test_refusals_say_what_to_do(client: Client) -> None:
    first = await client.call_tool("execute_python", {"code": "1"})
    session_id = record_of(first)["session_id"]

    unknown = await client.call_tool("background_run", {"session_id": session_id, "run_id": "r7"})
    long = await client.call_tool("execute_python", {"code": "1", "timeout": 301})
    none = await client.call_tool("background_run", {"session_id": session_id})
    for _ in range(8):
        await client.call_tool(
            "execute_bash", {"command": "sleep 60", "session_id": session_id, "background": True}
        )
    ninth = await client.call_tool(
        "execute_bash", {"command": "sleep 60", "session_id": session_id, "background": True}
    )

    assert unknown.is_error
    assert "no background run 'r7'. It has none: execute_python" in text_of(unknown)
    assert long.is_error
    assert "With background=true it may be 3600." in text_of(long)
    assert text_of(none).startswith("No background runs.")
    assert "8 background runs at a time" in text_of(ninth)
    await client.call_tool("close_session", {"session_id": session_id})


async def test_a_run_that_outlasts_many_others_is_told_and_remembered(client: Client) -> None:
    lasting = "until [ -e go ]; do sleep 0.05; done; echo last"
    begun = await client.call_tool("execute_bash", {"command": lasting, "background": True})
    named = {"session_id": record_of(begun)["session_id"]}
    for number in range(2, 19):  # more than are remembered
        await client.call_tool("execute_bash", {"command": ":", "background": True, **named})
        await client.call_tool("background_run", {**named, "run_id": f"r{number}", "wait": 60})

    await client.call_tool("execute_bash", {"command": "touch go", **named})
    last = await client.call_tool("background_run", {**named, "run_id": "r1", "wait": 60})
    first = await client.call_tool("background_run", {**named, "run_id": "r2"})

    assert re.match(r"r1 ended after .* s\.\nlast\n", text_of(last))
    assert "no background run 'r2'" in text_of(first)
    await client.call_tool("close_session", named)


async def test_waiting_holds_up_no_other_call(client: Client) -> None:
    begun = await client.call_tool("execute_bash", {"command": "sleep 90", "background": True})
    named = {"session_id": record_of(begun)["session_id"], "run_id": "r1"}

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(client.call_tool, "background_run", {**named, "wait": 80})
        with anyio.fail_after(20):
            other = await client.call_tool(
                "execute_python", {"code": "'now'", "session_id": named["session_id"]}
            )
            # Whoever waits hears of the end too.
            await client.call_tool("background_run", {**named, "stop": True})

    assert text_of(other).startswith("'now'\n")


async def test_a_run_keeps_its_session_from_expiring(connect: Connect) -> None:
    async with connect(BELLGLASS_SESSION_IDLE_SECONDS="1") as client:
        lasting = "until [ -e go ]; do sleep 0.1; done; echo survived; sleep 60"
        begun = await client.call_tool("execute_bash", {"command": lasting, "background": True})
        named = {"session_id": record_of(begun)["session_id"]}
        await anyio.sleep(2.5)  # the time itself is what is tested
        wait = "touch go; until grep survived /tmp/r1-stdout.txt; do sleep 0.1; done"
        heard = await client.call_tool("execute_bash", {"command": wait, **named})
        listed = await client.call_tool("background_run", named)

    assert text_of(heard).startswith("survived\n")
    assert text_of(listed).startswith("r1 (bash): running")


@BOTH_WAYS
async def test_a_closed_session_takes_its_runs_along_and_tells_who_waits(connect: Connect) -> None:
    mark = f"b-{secrets.token_hex(4)}"
    """What the processes of the run are called, seen from the machine."""
    told: list[str] = []
    waiting = anyio.Event()

    async def on_progress(progress: float, total: float | None, message: str | None) -> None:
        waiting.set()

    async with connect(BELLGLASS_MAX_SESSIONS="1", BELLGLASS_SESSION_SCOPE="explicit") as client:
        code = LASTING.replace("MARK", mark)
        begun = await client.call_tool("execute_python", {"code": code, "background": True})
        session_id = record_of(begun)["session_id"]
        await until(lambda: ticks_of(mark) is not None)

        async def wait() -> None:
            named = {"session_id": session_id, "run_id": "r1", "wait": 300}
            call = partial(client.call_tool, "background_run", named)
            result = await call(progress_callback=on_progress)
            assert result.is_error
            told.append(text_of(result))

        # While it goes on it is no unused session, which would make room for another.
        refused = await client.call_tool("execute_python", {"code": "1"})
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(wait)
            with anyio.fail_after(30):
                await waiting.wait()
            await client.call_tool("close_session", {"session_id": session_id})
        await until(lambda: ticks_of(mark) is None)
        after = await client.call_tool("execute_python", {"code": "6 * 7"})

    assert refused.is_error
    assert "stop its background run" in text_of(refused)
    assert "Its variables and files are gone. Call again without session_id" in told[0]
    assert text_of(after).startswith("42\n")
