"""Requests out of order: the supervisor refuses them, and goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bellglass.sandboxes.frame_models import Reply, call_of
from bellglass.sandboxes.frame_stream import Frames

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from bellglass.sandboxes.backend import Backend
    from bellglass.sandboxes.execution import Execution
    from bellglass.sandboxes.wire.schema.requests import Call, Request


pytestmark = pytest.mark.once


class Far:
    """A server that sends what a test wants."""

    def __init__(self, frames: Frames) -> None:
        self._frames = frames

    async def send(self, *requests: Request) -> None:
        for request in requests:
            await self._frames.send(request, seconds=10)

    async def reply(self, number: int) -> Execution:
        while True:
            frame = await self._frames.receive()
            if isinstance(frame, Reply) and frame.id == number:
                return frame.execution


@pytest.fixture
async def supervisor(backend: Backend) -> AsyncGenerator[Far]:
    async with backend.connect("0" * 32) as stream:
        yield Far(Frames(stream, on_torn=lambda: None))


def python(number: int, code: str) -> Call:
    return call_of("python", {"code": code}, {"id": number, "nonce": "n"}, timeout=30)


async def test_a_call_within_a_call_ends_that_call_and_no_more(supervisor: Far) -> None:
    await supervisor.send(python(1, "kept = 1\nimport time; time.sleep(20)"), python(2, "0"))
    first = await supervisor.reply(1)
    await supervisor.send(python(3, "'well'"))
    after = await supervisor.reply(3)

    assert first.error is not None
    assert "'call' in the state 'busy'" in first.error.message
    assert after.value == "'well'"


async def test_a_network_that_is_opened_late_is_not(supervisor: Far) -> None:
    await supervisor.send(python(1, "1"))
    await supervisor.reply(1)
    await supervisor.send({"op": "network", "port": 3128, "environment": {}}, python(2, "2"))
    after = await supervisor.reply(2)

    assert after.value == "2"
    assert "'network' in the state 'idle'" in after.notices[0]
