"""The client library for models, against an endpoint that answers, fails, hangs and breaks off."""

from __future__ import annotations

import sys

import anyio
import pytest
from agent.endpoint import Reply, endpoint

from bellglass.agent import Message, ModelFailed, ModelUnavailable, Turn
from bellglass.agent.providers import provided

ASKED = (
    Message(role="system", text="RULES"),
    Message(role="user", text="FIRST"),
    Message(role="assistant", text="SAID"),
    Message(role="user", text="SECOND"),
)


async def ask(url: str, seconds: float = 30) -> Turn:
    return await provided("test-model", base_url=url).ask(ASKED, tokens=500, seconds=seconds)


async def test_answer_is_streamed_and_counted() -> None:
    with endpoint(Reply("Hello, world")) as server:
        turn = await ask(server.url)

    assert turn == Turn(text="Hello, world", input_tokens=11, output_tokens=7)
    (asked,) = server.asked
    assert [(part["role"], part["content"]) for part in asked["messages"]] == [
        ("system", "RULES"),
        ("user", "FIRST"),
        ("assistant", "SAID"),
        ("user", "SECOND"),
    ]
    assert asked["stream"] is True
    assert 500 in (asked.get("max_tokens"), asked.get("max_completion_tokens"))


async def test_answer_at_its_limit_is_known_to_be_cut() -> None:
    with endpoint(Reply("```python\ndef f", finish="length")) as server:
        assert (await ask(server.url)).cut


PASSING = {
    "busy": Reply(status=429, headers=(("retry-after", "0"),)),
    "failing": Reply(status=500),
    "broken off": Reply("half of it", cut=True),
    "ended without a word": Reply("half of it", unsaid=True),
}


@pytest.mark.parametrize("name", PASSING)
async def test_fault_that_passes_is_waited_out(name: str) -> None:
    with endpoint(PASSING[name], Reply("whole")) as server:
        turn = await ask(server.url)

    assert turn.text == "whole"
    assert len(server.asked) == 2


async def test_endpoint_that_stays_broken_is_told() -> None:
    faults = [Reply(status=503, headers=(("retry-after", "0"),))] * 4
    with endpoint(*faults) as server, pytest.raises(ModelFailed, match=r"503.*Try later"):
        await ask(server.url)

    assert server.replies == []


@pytest.mark.parametrize(
    ("reply", "told"),
    [
        (Reply(status=401), r"refuses the key \(401\)"),
        (Reply(status=404), r"no model test-model"),
        (Reply(status=400), r"refuses the request \(400\).*no luck"),
    ],
)
async def test_what_will_not_pass_is_asked_once(reply: Reply, told: str) -> None:
    with endpoint(reply) as server, pytest.raises(ModelUnavailable, match=told):
        await ask(server.url)


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("application/json", b'{"choices": [{"message": {"content": "whole"}}]}'),
        ("text/html", b"<html>Welcome</html>"),
        ("text/event-stream", b""),
        ("text/event-stream", b"data: nonsense\n\n"),
        ("text/event-stream", b'data: {"choices": 7}\n\ndata: [DONE]\n\n'),
        ("text/event-stream", b"data: [1, 2]\n\ndata: [DONE]\n\n"),
        ("application/octet-stream", b"\xff\x00\xfe"),
    ],
)
async def test_endpoint_that_does_not_stream_or_streams_nonsense_is_told(
    kind: str, body: bytes
) -> None:
    with endpoint(*[Reply(raw=(kind, body))] * 4) as server, pytest.raises(ModelFailed) as told:
        await ask(server.url)

    assert "gave no whole answer" in str(told.value)
    assert "\n" not in str(told.value)


async def test_wait_that_is_too_long_is_not_waited() -> None:
    busy = Reply(status=429, headers=(("retry-after", "3600"),))
    with (
        endpoint(busy) as server,
        anyio.fail_after(20),
        pytest.raises(ModelFailed, match="429"),
    ):
        await ask(server.url)


async def test_silence_ends_with_the_time_that_is_left() -> None:
    with (
        endpoint(Reply("a word", hang=True)) as server,
        anyio.fail_after(20),
        pytest.raises(ModelFailed, match="did not answer in the time"),
    ):
        await ask(server.url, seconds=1)


async def test_nobody_there_is_told() -> None:
    with endpoint() as server:
        url = server.url
    with pytest.raises(ModelFailed, match="Check that its endpoint is running"):
        await provided("test-model", base_url=url).ask(ASKED, tokens=500, seconds=2)


def test_missing_key_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)

    with pytest.raises(ModelUnavailable, match="OPENAI_API_KEY"):
        provided("openai:some-model")


def test_name_without_a_provider_is_told() -> None:
    with pytest.raises(ModelUnavailable, match="Name the provider too: anthropic:some-model"):
        provided("some-model")


def test_missing_library_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("pydantic_ai")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "pydantic_ai", None)

    with pytest.raises(ModelUnavailable, match=r"pip install 'pydantic-ai-slim\["):
        provided("openai:some-model")
