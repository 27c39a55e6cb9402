"""A sandbox that lies about its connections: frames that no supervisor would send."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from security.lying import READY, Far, LyingBackend

from bellglass.sandboxes.egress.network import Network
from bellglass.sandboxes.egress.rules import Rules
from bellglass.sandboxes.sessions.session import Session
from bellglass.sandboxes.wire.framing import encode
from bellglass.sandboxes.wire.relay import MAX_CONNECTIONS, MAX_DATA_BYTES, WINDOW_BYTES

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable

    from bellglass.sandboxes.execution import Execution

CONNECT = b"CONNECT slow.example:443 HTTP/1.1\r\nHost: slow.example:443\r\n\r\n"
CHUNK_TEXT = base64.b64encode(b"x" * MAX_DATA_BYTES).decode()


def net(number: int, event: str, **more: Any) -> bytes:
    return encode({"type": "net", "id": number, "event": event, **more})


def data(number: int, content: bytes) -> bytes:
    return net(number, "data", data=base64.b64encode(content).decode())


class Reader:
    """Frames from the server, whole."""

    def __init__(self, far: Far) -> None:
        self._frames = self._read(far)
        self._passed: list[dict[str, Any]] = []

    async def _read(self, far: Far) -> AsyncGenerator[dict[str, Any]]:
        waiting = b""
        while True:
            while len(waiting) < 4 or len(waiting) < 4 + int.from_bytes(waiting[:4], "big"):
                waiting += await far.receive()
            size = 4 + int.from_bytes(waiting[:4], "big")
            yield json.loads(waiting[4:size])
            waiting = waiting[size:]

    async def wait(self, op: str, event: str | None = None) -> dict[str, Any]:
        """Return the next frame of that kind; others wait."""

        def is_it(frame: dict[str, Any]) -> bool:
            return (frame["op"], frame.get("event")) == (op, event)

        for frame in self._passed:
            if is_it(frame):
                self._passed.remove(frame)
                return frame
        async for frame in self._frames:
            if is_it(frame):
                return frame
            self._passed.append(frame)
        raise AssertionError("the stream ended")

    def forget(self, op: str) -> None:
        self._passed = [frame for frame in self._passed if frame["op"] != op]


async def never_resolved(name: str) -> list[str]:
    await anyio.sleep_forever()
    raise AssertionError


def after_request(*frames: bytes) -> Callable[[Far, Reader], Awaitable[None]]:
    async def script(far: Far, reader: Reader) -> None:
        await reader.wait("python")
        await far.send(*frames)

    return script


async def run_with(
    script: Callable[[Far, Reader], Awaitable[None]], *, allowed: bool = True
) -> Execution:
    """Run one call in a sandbox that follows a script after its first frame."""

    async def play(far: Far) -> None:
        await far.send(encode(READY))
        await script(far, Reader(far))
        await anyio.sleep_forever()

    backend = LyingBackend(play)
    backend.network = Network(Rules("open", resolve=never_resolved)) if allowed else None
    with anyio.fail_after(20):
        async with Session.open(backend) as session:
            return await session.run("python", {"code": "1"}, timeout=5)


async def answered(far: Far, reader: Reader) -> None:
    await far.reply(await reader.wait("python"))


BEYOND = {
    "a number twice": [net(1, "open"), net(1, "open")],
    "a number that goes back": [net(2, "open"), net(1, "open")],
    "data of a connection that never was": [data(7, b"x")],
    "more connections than there may be": [net(n + 1, "open") for n in range(MAX_CONNECTIONS + 1)],
    "more data than was granted": [net(1, "open"), data(1, CONNECT)]
    + [net(1, "data", data=CHUNK_TEXT)] * (WINDOW_BYTES // MAX_DATA_BYTES + 1),
    "credit for what was never sent": [net(1, "open"), net(1, "credit", size=1)],
}

MALFORMED = {
    "no number": [encode({"type": "net", "event": "open"})],
    "a number below one": [net(0, "open")],
    "a number beyond all": [net(2**60, "open")],
    "an event that is none": [net(1, "listen")],
    "no base64": [net(1, "open"), net(1, "data", data="!")],
    "a huge piece": [net(1, "open"), data(1, b"x" * 100_000)],
    "credit below nothing": [net(1, "open"), net(1, "credit", size=-1)],
}


@pytest.mark.parametrize("what", BEYOND)
async def test_what_no_supervisor_of_ours_sends_ends_the_sandbox(what: str) -> None:
    execution = await run_with(after_request(*BEYOND[what]))

    assert execution.status == "lost"
    assert "more data than it was allowed to" in execution.notices[0]


@pytest.mark.parametrize("what", MALFORMED)
async def test_malformed_frames_end_the_sandbox(what: str) -> None:
    execution = await run_with(after_request(*MALFORMED[what]))

    assert execution.status == "lost"
    assert "malformed" in execution.notices[0]


async def test_without_a_network_its_frames_are_nobodys() -> None:
    async def script(far: Far, reader: Reader) -> None:
        await far.send(net(1, "open"), data(1, b"GET http://127.0.0.1/ HTTP/1.1\r\n\r\n"))
        await answered(far, reader)

    execution = await run_with(script, allowed=False)

    assert (execution.status, execution.network) == ("ok", [])


async def test_what_a_sandbox_says_of_its_own_visits_is_not_believed() -> None:
    async def script(far: Far, reader: Reader) -> None:
        request = await reader.wait("python")
        visit = {"host": "innocent.example", "port": 80, "allowed": True}
        await far.reply(request, execution={"status": "ok", "network": [visit]})

    assert (await run_with(script)).network == []


async def test_connections_come_and_go_without_end() -> None:
    async def script(far: Far, reader: Reader) -> None:
        for number in range(1, 3 * MAX_CONNECTIONS):
            await far.send(net(number, "open"), data(number, b"junk\r\n\r\n"))
            frame = await reader.wait("net", "data")
            assert frame["id"] == number
            assert base64.b64decode(frame["data"]).startswith(b"HTTP/1.1 400 ")
            await reader.wait("net", "close")
            reader.forget("net")
            await far.send(data(number, b"late"), net(number, "close"), net(number, "close"))
        await answered(far, reader)

    assert (await run_with(script)).status == "ok"


async def test_connections_that_say_nothing_do_not_hold_up_a_call() -> None:
    async def script(far: Far, reader: Reader) -> None:
        for number in range(1, MAX_CONNECTIONS + 1):
            await far.send(net(number, "open"), data(number, b"GET http://a"))
        await answered(far, reader)

    assert (await run_with(script)).status == "ok"
