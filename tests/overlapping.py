"""A call within a call, which no server of ours makes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio
import pytest

from bellglass.sandboxes.frame_models import call_of
from bellglass.sandboxes.frame_stream import Frames
from bellglass.sandboxes.wire.legal_orders import OutOfOrder

if TYPE_CHECKING:
    from bellglass.sandboxes import Backend


async def call_within_a_call_is_refused(backend: Backend) -> None:
    """Send a call while another one runs, and expect that the supervisor ends."""
    first = call_of("python", {"code": "while True: pass"}, {"id": 1, "nonce": "n"}, timeout=30)
    second = call_of("python", {"code": "2"}, {"id": 2, "nonce": "n"}, timeout=30)

    async def overlap() -> None:
        async with backend.connect("0" * 32) as stream:
            frames = Frames(stream, on_torn=lambda: None)
            await frames.send(first, seconds=10)
            await frames.send(second, seconds=10)
            await anyio.sleep_forever()

    with anyio.fail_after(30), pytest.raises(BaseExceptionGroup) as caught:
        await overlap()

    assert caught.group_contains(OutOfOrder, match="'call' in the state 'busy'")
