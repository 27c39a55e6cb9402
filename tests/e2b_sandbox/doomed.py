"""A server's sessions in a process of their own, for a test to kill.

It prints the id of its session when it has come to what it was asked for.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import anyio
from e2b_double import KEY
from e2b_sandbox.support import LIMITS, python, settled

from bellglass.sandboxes.backends.e2b import E2BBackend
from bellglass.sandboxes.sessions.sessions import Sessions
from bellglass.sandboxes.wire.framing import encode

if TYPE_CHECKING:
    from bellglass.sandboxes.frame_models import Stream
    from bellglass.sandboxes.sessions.session import Session

TALK = "while True:\n    x = 41\n    print('x' * 5000)"


async def main(*arguments: str) -> None:
    url, state, what = arguments
    backend = E2BBackend(
        LIMITS, key=KEY, api_url=url, sandbox_url=url, per_second=100, pause=True, state=state
    )

    async def choose() -> E2BBackend:
        return backend

    async with Sessions.open_all(
        choose, max_sessions=4, idle_seconds=600, age_seconds=3600
    ) as sessions:
        session = await sessions.open("alice")
        await python(session, "x = 41\nopen('kept', 'w').write('kept')")
        await come_to(what, backend, session)
        print(session.id, flush=True)  # noqa: T201
        await anyio.sleep_forever()


async def come_to(what: str, backend: E2BBackend, session: Session) -> None:
    match what:
        case "paused":
            await settled(session)
            assert await session.pause()
        case "half a request":
            frame = {"op": "python", "id": 9, "nonce": "n", "timeout": 9, "code": "x = 0"}
            await backend._streams[session.id].send(encode(frame)[:-3])
        case "a run":
            code = f"open('/work/run', 'w').close()\n{TALK}"
            await session.begin("python", {"code": code}, timeout=600)
        case "a call":
            await start(session)


async def start(session: Session) -> None:
    """Begin a call, and return when it has said something."""
    said = anyio.Event()

    async def note(stream: Stream) -> None:
        said.set()

    async def talk() -> None:
        await session.run("python", {"code": TALK}, timeout=300, on_stream=note)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(talk)
        await said.wait()
        print(session.id, flush=True)  # noqa: T201


if __name__ == "__main__":
    anyio.run(main, *sys.argv[1:])
