"""Malformed frames, answers to other requests, and frames beyond the agreed bounds."""

from __future__ import annotations

import math
from typing import Any

import anyio
import pytest
from security.lying import READY, Far, LyingBackend, after_request, frame, lost_and_restarted

from bellglass.sandboxes.errors import SandboxUnavailable
from bellglass.sandboxes.sessions import sandbox_holder
from bellglass.sandboxes.sessions.session import Session
from bellglass.sandboxes.wire.framing import MAX_FRAME_BYTES, encode

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
async def test_a_malformed_frame_ends_the_sandbox(what: str) -> None:
    await lost_and_restarted(after_request(MALFORMED[what]), "malformed")


async def test_garbage_ends_the_sandbox() -> None:
    await lost_and_restarted(after_request(b"\0\0\0\x05garbage" * 100), "malformed")


async def test_an_oversized_frame_ends_the_sandbox_before_it_is_read() -> None:
    header = (MAX_FRAME_BYTES + 1).to_bytes(4, "big")

    await lost_and_restarted(after_request(header), "oversized")


async def test_a_second_self_check_changes_nothing() -> None:
    async def script(far: Far) -> None:
        await far.send(encode(READY))
        request = await far.request()
        await far.send(encode({**READY, "seccomp": 0}))
        await far.reply(request)
        await anyio.sleep_forever()

    async with Session.open(LyingBackend(script)) as one:
        execution = await one.run("python", {"code": "1"}, timeout=5)

    assert execution.value == "1"


OUT_OF_ORDER: dict[str, list[dict[str, Any]]] = {
    "a note of a call": [{"type": "note", "state": "ended"}],
    "a call that is running": [{"type": "reply", "execution": {"status": "running"}}],
}


@pytest.mark.parametrize("what", OUT_OF_ORDER)
async def test_a_frame_out_of_order_ends_the_sandbox(what: str) -> None:
    async def script(far: Far) -> None:
        await far.send(encode(READY))
        request = await far.request()
        mark = {"id": request["id"], "nonce": request["nonce"]}
        await far.send(*[encode({**mark, **told}) for told in OUT_OF_ORDER[what]])
        await anyio.sleep_forever()

    await lost_and_restarted(script, "out of order")


RUN_OUT_OF_ORDER: dict[str, list[dict[str, Any]]] = {
    "output before it has begun": [{"type": "stream", "name": "stdout", "text": "early"}],
    "a note before it has begun": [{"type": "note", "state": "returned"}],
    "returned twice": [
        {"type": "reply", "execution": {"status": "running"}},
        {"type": "note", "state": "returned"},
        {"type": "note", "state": "returned"},
    ],
    "begun twice": [
        {"type": "reply", "execution": {"status": "running"}},
        {"type": "reply", "execution": {"status": "running"}},
    ],
}


@pytest.mark.parametrize("what", RUN_OUT_OF_ORDER)
async def test_a_frame_of_a_run_out_of_order_ends_the_sandbox(what: str) -> None:
    async def script(far: Far) -> None:
        await far.send(encode(READY))
        request = await far.request()
        mark = {"id": request["id"], "nonce": request["nonce"]}
        await far.send(*[encode({**mark, **told}) for told in RUN_OUT_OF_ORDER[what]])
        await anyio.sleep_forever()

    backend = LyingBackend(script)
    with anyio.fail_after(20):
        async with Session.open(backend) as one:
            await one.begin("bash", {"command": "true"}, timeout=5)
            while backend.sandboxes == 1:
                after = await one.run("python", {"code": "1"}, timeout=20)

    assert after.status == "ok"


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

    async with Session.open(LyingBackend(script)) as one:
        values = [(await one.run("python", {"code": "1"}, timeout=5)).value for _ in range(2)]

    assert values == ["1", "1"]


async def test_numbers_in_a_report_are_numbers() -> None:
    async def script(far: Far) -> None:
        await far.send(encode(READY))
        report = [{"of": [math.nan, math.inf, -math.inf, 10**30, 7, 0.5]}]
        await far.reply(await far.request(), execution={"status": "ok", "report": report})
        await anyio.sleep_forever()

    async with Session.open(LyingBackend(script)) as one:
        execution = await one.run("check", {}, timeout=5)

    assert execution.report == [{"of": [None, None, None, None, 7, 0.5]}]


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

    async with Session.open(LyingBackend(script)) as one:
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
        {"status": "ok", "killed_processes": -1},
        {"status": "ok", "notices": ["n"] * 100},
        {"status": "ok", "report": [{}] * 30_000},
        {"status": "lost", "state": "found"},
        {"status": "ok", "wall_seconds": "soon"},
        {"status": "ok", "wall_seconds": math.nan},
        {"status": "ok", "cpu_seconds": math.inf},
        {"status": "ok", "cpu_seconds": 1e300},
        {"status": "ok", "peak_memory_bytes": 10**4000},
        {"status": "ok", "exit_code": 1 << 40},
    ],
    ids=lambda execution: ",".join(f"{name}={str(of)[:9]}" for name, of in execution.items()),
)
async def test_a_result_beyond_what_is_agreed_is_no_result(execution: dict[str, Any]) -> None:
    async def script(far: Far) -> None:
        await far.send(encode(READY))
        await far.reply(await far.request(), execution=execution)
        await anyio.sleep_forever()

    await lost_and_restarted(script, "malformed")


@pytest.mark.parametrize(
    "first",
    [b"", b"\0\0\0\x02{}", frame(b'{"type": "reply"}'), b"\xff\xff\xff\xff", frame(b'"ready"')],
    ids=["none", "empty", "a reply", "oversized", "a string"],
)
async def test_a_wrong_self_check_is_not_a_sandbox(
    first: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sandbox_holder, "START_TIMEOUT_SECONDS", 0.2)

    async def script(far: Far) -> None:
        await far.send(*([first] if first else []))
        await anyio.sleep_forever()

    backend = LyingBackend(script)
    with anyio.fail_after(30):
        async with Session.open(backend) as one:
            with pytest.raises(SandboxUnavailable):
                await one.run("python", {"code": "1"}, timeout=1)
            monkeypatch.undo()  # the honest one that follows has its time
            after = await one.run("python", {"code": "1"}, timeout=20)

    assert after.status == "ok"
