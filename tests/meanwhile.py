"""A call, and an event in its session in the middle of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from bellglass.sandboxes.execution import Execution
    from bellglass.sandboxes.frame_models import Stream
    from bellglass.sandboxes.sessions.session import Session

FOR_LONG = "import time\nprint('it runs', flush=True)\ntime.sleep(600)"


async def while_running(
    session: Session, happens: Callable[[], Awaitable[None]], code: str = FOR_LONG
) -> Execution:
    """Return the answer to `code`, which prints; once it does, `happens` is done."""
    said = anyio.Event()
    answers: list[Execution] = []

    async def note(_: Stream) -> None:
        said.set()

    async def call() -> None:
        arguments = {"code": code}
        answers.append(await session.run("python", arguments, timeout=600, on_stream=note))
        said.set()  # also if it could not even begin

    with anyio.fail_after(90):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(call)
            await said.wait()
            await happens()
    return answers[0]
