"""Re-attach to a supervisor whose server was killed."""

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

REATTACH_TIMEOUT_SECONDS = 30.0
"""For the supervisor to stop the call that goes on and to send its first frame again."""

MAX_REATTACH_READS = 2048
"""Maximum number of reads, of some ten kilobytes each, of what was meant for the killed server."""

"""Before each frame."""


async def reattach(stream: CommandStream) -> None:
    """Bring a joined stream into step; what is received next is the first frame, sent again.

    Its `listen` must be running. What the supervisor has to say to the server before us is dropped,
    up to a bound. The frame is known by a nonce that was just made, and that no code in the sandbox
    gets to know.

    Raises:
        E2BError: That frame does not come.
    """
    nonce = new_nonce()
    beginning = json.dumps({"type": "ready", "nonce": nonce}, separators=(",", ":"))[:-1]
    mark = beginning.encode()
    try:
        with stream.answer_due(), anyio.fail_after(REATTACH_TIMEOUT_SECONDS):
            await stream.joined.wait()
            request: Resume = {"op": "resume", "nonce": nonce}
            await stream.send(encode(request))
            heard = b""
            for _ in range(MAX_REATTACH_READS):
                heard += await stream.receive()
                at = heard.find(mark)
                if at >= HEADER_BYTES:
                    stream.unread(heard[at - HEADER_BYTES :])
                    return
                heard = heard[-len(mark) - HEADER_BYTES :]
    except (TimeoutError, EndOfStream, BrokenResourceError) as exc:
        reason = str(exc) or "it does not answer"
        raise E2BError("gone", "re-attach to our program", reason) from None
    raise E2BError("gone", "re-attach to our program", "it does not stop talking")
