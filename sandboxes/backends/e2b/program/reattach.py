"""Going on with a runner that another server has talked to until it was killed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import anyio
from anyio import BrokenResourceError, EndOfStream

from bellglass.sandboxes.backends.e2b.errors import E2BError
from bellglass.sandboxes.frame_models import new_nonce
from bellglass.sandboxes.wire.framing import HEADER_BYTES, encode

if TYPE_CHECKING:
    from bellglass.sandboxes.backends.e2b.stream.stream import CommandStream
    from bellglass.sandboxes.wire.schema.requests import Resume

REATTACH_SECONDS = 30.0
"""For the runner to stop the call that goes on and to greet us."""

REATTACH_READS = 2048
"""Of some ten kilobytes each, of what was meant for the server before us."""

"""Before each frame."""


async def reattach(stream: CommandStream) -> None:
    """Bring a joined stream into step; what is received next is a greeting.

    Its `listen` must be running. What the runner has to say to the server before us is dropped, up
    to a bound. The greeting is known by a number that was just made up, and that no code in the
    place gets to know.

    Raises:
        E2BError: There is no greeting.
    """
    nonce = new_nonce()
    beginning = json.dumps({"type": "ready", "nonce": nonce}, separators=(",", ":"))[:-1]
    mark = beginning.encode()
    try:
        with stream.answer_due(), anyio.fail_after(REATTACH_SECONDS):
            await stream.joined.wait()
            request: Resume = {"op": "resume", "nonce": nonce}
            await stream.send(encode(request))
            heard = b""
            for _ in range(REATTACH_READS):
                heard += await stream.receive()
                at = heard.find(mark)
                if at >= HEADER_BYTES:
                    stream.unread(heard[at - HEADER_BYTES :])
                    return
                heard = heard[-len(mark) - HEADER_BYTES :]
    except (TimeoutError, EndOfStream, BrokenResourceError) as exc:
        reason = str(exc) or "it does not answer"
        raise E2BError("gone", "take over the runner", reason) from None
    raise E2BError("gone", "take over the runner", "it does not stop talking")
