"""The interpreter of a session: a process of Monty, and what it held after the last call.

A call that is stopped costs its process. The next one is loaded with the state from before it.
"""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any, Self

import anyio
from pydantic_monty import AsyncMonty, AsyncMontySession, MontyError, ResourceLimits

if TYPE_CHECKING:
    from collections.abc import Callable

    from bellglass.sandboxes.wire.schema import VariableState

STATE_BYTES = 8 * 1024**2
"""Of a state that the server keeps: some 200,000 objects."""

DEPTH = 500
"""Calls in calls. Monty's own processes have crashed on deeper ones."""

SUSPENSIONS = 1_000_000
"""Sleeps and unknown names of a session; Monty's own limit of 1,000 is for one script."""

FEED_SECONDS = 310
"""Above the longest call: a process whose server was killed has nobody else to stop it."""


class Interpreter:
    """Feeds code, one piece at a time."""

    def __init__(self, pool: AsyncMonty, memory_bytes: int) -> None:
        self._pool = pool
        self._memory_bytes = memory_bytes
        self._limits: ResourceLimits = {
            "max_memory": memory_bytes,
            "max_recursion_depth": DEPTH,
            "max_suspensions": SUSPENSIONS,
            "max_feed_duration_secs": FEED_SECONDS,
        }
        self._process = AsyncExitStack()
        self._session: AsyncMontySession | None = None
        self._state: bytes | None = None
        self._kept = False
        """A call has ended well, so there is something to lose."""

    async def __aenter__(self) -> Self:
        await self._begin()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self._end()

    async def feed(self, code: str, on_print: Callable[[str, str], None]) -> Any:
        """Run `code` and return what its last line gives.

        A cancelled feed takes the process with it: `restore` is due then, as it is after a crash.

        Raises:
            MontyError: What the code raised, or MontyCrashedError: the process died.
        """
        assert self._session is not None
        # No file, no host function, no name: everything that could be asked for is left out.
        return await self._session.feed_run(code, print_callback=on_print)

    def fresh(self) -> Interpreter:
        """Return another, with nothing in it."""
        return Interpreter(self._pool, self._memory_bytes)

    async def keep(self) -> bool:
        """Keep the state, for the case that the next call costs the process.

        That takes memory of the process, which ends if there is none left: then False.
        """
        assert self._session is not None
        try:
            state = await self._session.dump()
        except (MontyError, RuntimeError):
            return False
        self._kept = True
        self._state = state if len(state) <= STATE_BYTES else None
        return True

    async def restore(self) -> VariableState:
        """Go on in another process; say what became of the state."""
        with anyio.CancelScope(shield=True):
            await self._end()
            await self._begin()
            if self._state is not None:
                assert self._session is not None
                await self._session.load_session(self._state)
        if self._state is not None or not self._kept:
            return "restored"
        self._kept = False
        return "lost"

    async def _begin(self) -> None:
        checkout = self._pool.checkout(
            limits=self._limits,
            # Monty bounds sleeps in the server's name; the time limit of a call does it for us.
            os_policy={"sleep_system_max": float("inf")},
        )
        self._session = await self._process.enter_async_context(checkout)

    async def _end(self) -> None:
        self._session = None
        process, self._process = self._process, AsyncExitStack()
        with anyio.CancelScope(shield=True):
            await process.aclose()
