"""The server's end, with a far end that lies: a small real backend that says what a test wants."""

from __future__ import annotations

import errno
import json
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from anyio.streams.stapled import StapledByteStream

from bellglass.sandboxes import place, session
from bellglass.sandboxes.base import Limits, Sandbox
from bellglass.sandboxes.errors import SandboxUnavailable
from bellglass.sandboxes.protocol import MAX_FRAME, encode
from bellglass.sandboxes.session import RESTARTED, Session

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable

    from anyio.abc import ByteStream

READY = {
    "type": "ready",
    "python": "3",
    "uid": 1000,
    "capabilities": 0,
    "no_new_privs": True,
    "seccomp": 2,
    "interfaces": ["lo"],
}


class Far:
    """The far end of one place."""

    def __init__(self, stream: ByteStream, started: int) -> None:
        self._stream = stream
        self.started = started
        """Which place of the sandbox this is, from 1."""

    async def request(self) -> dict[str, Any]:
        data = b""
        while len(data) < 4 or len(data) < 4 + int.from_bytes(data[:4], "big"):
            data += await self._stream.receive()
        request: dict[str, Any] = json.loads(data[4:])
        return request

    async def send(self, *parts: bytes) -> None:
        for part in parts:
            await self._stream.send(part)

    async def reply(self, request: dict[str, Any], **changes: Any) -> None:
        await self.send(encode(answer(request, **changes)))

    async def end(self) -> None:
        await self._stream.aclose()


def answer(request: dict[str, Any], **changes: Any) -> dict[str, Any]:
    frame = {"type": "reply", "id": request["id"], "nonce": request["nonce"]}
    return {**frame, "execution": {"status": "ok", "value": "1"}, **changes}


class LyingSandbox(Sandbox):
    """A place whose runner follows a script the first time, and is honest from then on."""

    def __init__(self, script: Callable[[Far], Awaitable[None]]) -> None:
        super().__init__(Limits())
        self._script = script
        self.places = 0
        self.live = 0

    @asynccontextmanager
    async def connect(self, session_id: str) -> AsyncGenerator[ByteStream]:
        to_far, from_near = anyio.create_memory_object_stream[bytes](1000)
        to_near, from_far = anyio.create_memory_object_stream[bytes](1000)
        near = StapledByteStream(to_far, from_far)  # type: ignore[arg-type]
        far_end = StapledByteStream(to_near, from_near)  # type: ignore[arg-type]
        self.places += 1
        self.live += 1
        far = Far(_Bytes(far_end), self.places)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._play, far)
            try:
                yield _Bytes(near)
            finally:
                self.live -= 1
                tasks.cancel_scope.cancel()
                for stream in (to_far, from_near, to_near, from_far):
                    stream.close()

    async def _play(self, far: Far) -> None:
        try:
            if self.places == 1:
                await self._script(far)
                return
            await far.send(encode(READY))
            while True:
                await far.reply(await far.request())
        except (anyio.EndOfStream, anyio.BrokenResourceError, anyio.ClosedResourceError):
            pass


class FailingSandbox(LyingSandbox):
    """A backend with a fault of its own, the first time."""

    @asynccontextmanager
    async def connect(self, session_id: str) -> AsyncGenerator[ByteStream]:
        if self.places == 0:
            self.places += 1
            raise OSError(errno.EMFILE, "Too many open files: /secret/path")
        async with super().connect(session_id) as stream:
            yield stream


class _Bytes(StapledByteStream):
    """A byte stream that may be cut anywhere, as one over a socket may."""

    def __init__(self, inner: StapledByteStream) -> None:
        super().__init__(inner.send_stream, inner.receive_stream)
        self._left = b""

    async def receive(self, max_bytes: int = 65536) -> bytes:
        data = self._left or await self.receive_stream.receive()
        self._left = data[max_bytes:]
        return data[:max_bytes]


async def lost_and_restarted(script: Callable[[Far], Awaitable[None]], reason: str) -> None:
    """Check the whole course: lost with a reason, then a fresh place, without a second notice."""
    sandbox = LyingSandbox(script)
    with anyio.fail_after(20):
        async with Session.open(sandbox) as one:
            execution = await one.run("python", {"code": "1"}, timeout=1)
            after = await one.run("python", {"code": "1"}, timeout=1)
            live = sandbox.live

    assert (execution.status, execution.state) == ("lost", "lost")
    assert reason in execution.notices[0]
    assert "lost" in execution.notices[0]
    assert (after.status, after.state, after.notices) == ("ok", "kept", [])
    assert (sandbox.places, live, sandbox.live) == (2, 1, 0)


async def test_a_fault_of_the_backend_costs_one_call_and_not_the_server() -> None:
    async def honest(far: Far) -> None:
        await far.send(encode(READY))

    with anyio.fail_after(20):
        async with Session.open(FailingSandbox(honest)) as one:
            with pytest.raises(SandboxUnavailable) as caught:
                await one.run("python", {"code": "1"}, timeout=1)
            after = await one.run("python", {"code": "1"}, timeout=1)

    assert "OSError" in str(caught.value)
    assert "secret" not in str(caught.value)
    assert after.status == "ok"


def after_request(*frames: bytes, end: bool = False) -> Callable[[Far], Awaitable[None]]:
    async def script(far: Far) -> None:
        await far.send(encode(READY))
        await far.request()
        await far.send(*frames)
        if end:
            await far.end()
        await anyio.sleep_forever()

    return script


def frame(body: bytes) -> bytes:
    return len(body).to_bytes(4, "big") + body


MALFORMED = {
    "no json": frame(b"hello"),
    "no utf-8": frame(b'"\xff\xfe"'),
    "empty": frame(b""),
    "a list": frame(b"[1]"),
    "null": frame(b"null"),
    "deep": frame(b"[" * 200_000 + b"]" * 200_000),
    "another type": frame(b'{"type": "shutdown"}'),
    "no type": frame(b"{}"),
    "a reply without id": frame(b'{"type": "reply", "nonce": "0", "execution": {"status": "ok"}}'),
    "an unknown status": frame(
        b'{"type": "reply", "id": 1, "nonce": "0", "execution": {"status": "fine"}}'
    ),
    "a huge number": frame(b'{"type": "reply", "id": ' + b"9" * 5000 + b"}"),
    "two frames in one": frame(b'{"type": "stream"}{"type": "stream"}'),
}


@pytest.mark.parametrize("what", MALFORMED)
async def test_a_malformed_frame_ends_the_place(what: str) -> None:
    await lost_and_restarted(after_request(MALFORMED[what]), "malformed")


async def test_garbage_ends_the_place() -> None:
    await lost_and_restarted(after_request(b"\0\0\0\x05garbage" * 100), "malformed")


async def test_an_oversized_frame_ends_the_place_before_it_is_read() -> None:
    header = (MAX_FRAME + 1).to_bytes(4, "big")

    await lost_and_restarted(after_request(header), "oversized")


async def test_a_death_in_the_middle_of_a_frame_is_told() -> None:
    await lost_and_restarted(after_request(b"\0\0\x10\0{", end=True), "died")


async def test_a_death_between_frames_is_told() -> None:
    await lost_and_restarted(after_request(end=True), "died")


async def test_a_second_greeting_changes_nothing() -> None:
    async def script(far: Far) -> None:
        await far.send(encode(READY))
        request = await far.request()
        await far.send(encode({**READY, "seccomp": 0}))
        await far.reply(request)
        await anyio.sleep_forever()

    async with Session.open(LyingSandbox(script)) as one:
        execution = await one.run("python", {"code": "1"}, timeout=5)

    assert execution.value == "1"


async def test_forged_and_late_replies_are_dropped() -> None:
    async def script(far: Far) -> None:
        await far.send(encode(READY))
        first = await far.request()
        forged = {"status": "ok", "value": "'forged'"}
        await far.reply(first, nonce="0" * 32, execution=forged)
        await far.reply(first, id=first["id"] + 1, execution=forged)
        await far.send(
            encode({"type": "stream", "id": 1, "nonce": "", "name": "stdout", "text": ""})
        )
        await far.reply(first)
        second = await far.request()
        await far.reply(first, execution=forged)
        await far.reply(second, nonce=first["nonce"], execution=forged)
        await far.reply(second)
        await anyio.sleep_forever()

    async with Session.open(LyingSandbox(script)) as one:
        values = [(await one.run("python", {"code": "1"}, timeout=5)).value for _ in range(2)]

    assert values == ["1", "1"]


async def test_a_place_that_never_answers_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(place, "SLACK_SECONDS", 0.2)
    started = time.monotonic()

    await lost_and_restarted(after_request(), "did not answer in time")

    assert time.monotonic() - started < 5


async def test_output_without_end_does_not_put_off_the_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(place, "SLACK_SECONDS", 0.2)

    async def script(far: Far) -> None:
        await far.send(encode(READY))
        request = await far.request()
        ids = {"type": "stream", "id": request["id"], "nonce": request["nonce"]}
        while True:
            await far.send(encode({**ids, "name": "stdout", "text": "x" * 1000}))

    await lost_and_restarted(script, "did not answer in time")


async def test_a_cancelled_call_to_a_dead_end_costs_the_place(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(place, "CANCEL_SECONDS", 0.2)
    sandbox = LyingSandbox(after_request())

    with anyio.fail_after(10):
        async with Session.open(sandbox) as one:
            with anyio.move_on_after(0.2):
                await one.run("python", {"code": "1"}, timeout=60)
            after = await one.run("python", {"code": "1"}, timeout=5)

    assert after.notices == [RESTARTED]
    assert after.state == "lost"


async def test_text_of_any_kind_is_made_safe() -> None:
    async def script(far: Far) -> None:
        await far.send(encode(READY))
        request = await far.request()
        execution = {
            "status": "error",
            "value": "\ud800 \0",
            "stdout": {"text": "\udfff\0"},
            "error": {"name": "\ud800", "message": "\0", "traceback": "\ud800"},
            "notices": ["\ud800"],
            "report": [{"\ud800": ["\0", {"deep": "\udc00"}]}],
        }
        await far.reply(request, execution=execution)
        await anyio.sleep_forever()

    async with Session.open(LyingSandbox(script)) as one:
        execution = await one.run("python", {"code": "1"}, timeout=5)

    text = execution.model_dump_json()
    text.encode()
    assert "\\u0000" not in text
    assert execution.value == "\ufffd \ufffd"


@pytest.mark.parametrize(
    "execution",
    [
        {"status": "ok", "value": "x" * 300_000},
        {"status": "ok", "stdout": {"text": "x" * 2_000_000}},
        {"status": "ok", "swept": -1},
        {"status": "ok", "notices": ["n"] * 100},
        {"status": "ok", "report": [{}] * 30_000},
        {"status": "lost", "state": "found"},
        {"status": "ok", "wall_seconds": "soon"},
    ],
    ids=lambda execution: ",".join(execution),
)
async def test_a_result_beyond_what_is_agreed_is_no_result(execution: dict[str, Any]) -> None:
    async def script(far: Far) -> None:
        await far.send(encode(READY))
        await far.reply(await far.request(), execution=execution)
        await anyio.sleep_forever()

    await lost_and_restarted(script, "malformed")


@pytest.mark.parametrize(
    "greeting",
    [b"", b"\0\0\0\x02{}", frame(b'{"type": "reply"}'), b"\xff\xff\xff\xff", frame(b'"ready"')],
    ids=["none", "empty", "a reply", "oversized", "a string"],
)
async def test_a_wrong_greeting_is_no_sandbox(
    greeting: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "START_SECONDS", 0.2)

    async def script(far: Far) -> None:
        await far.send(*([greeting] if greeting else []))
        await anyio.sleep_forever()

    sandbox = LyingSandbox(script)
    with anyio.fail_after(10):
        async with Session.open(sandbox) as one:
            with pytest.raises(SandboxUnavailable):
                await one.run("python", {"code": "1"}, timeout=1)
            after = await one.run("python", {"code": "1"}, timeout=1)

    assert after.status == "ok"


async def test_a_place_that_dies_between_calls_is_said_to_be_lost() -> None:
    died = anyio.Event()

    async def script(far: Far) -> None:
        await far.send(encode(READY))
        await far.reply(await far.request())
        await far.end()
        died.set()

    async with Session.open(LyingSandbox(script)) as one:
        await one.run("python", {"code": "1"}, timeout=5)
        await died.wait()
        await anyio.wait_all_tasks_blocked()
        after = await one.run("python", {"code": "1"}, timeout=5)
        third = await one.run("python", {"code": "1"}, timeout=5)

    assert (after.state, after.notices) == ("lost", [RESTARTED])
    assert third.notices == []


async def test_waiting_calls_outlive_a_place_that_dies() -> None:
    async def script(far: Far) -> None:
        await far.send(encode(READY))
        await far.request()
        await far.end()

    results: list[str] = []

    async def call(one: Session) -> None:
        results.append((await one.run("python", {"code": "1"}, timeout=5)).status)

    with anyio.fail_after(10):
        async with (
            Session.open(LyingSandbox(script)) as one,
            anyio.create_task_group() as tasks,
        ):
            for _ in range(5):
                tasks.start_soon(call, one)

    assert results == ["lost", "ok", "ok", "ok", "ok"]
