"""The interpreter of a session: a process of Monty, and its saved state after the last call.

Stopping a call ends its process. The next process is loaded with the state from before the call.
"""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any, Self

import anyio
from pydantic_monty import AsyncMonty, AsyncMontySession, MontyError, ResourceLimits

from bellglass.sandboxes.common.limits import MAX_CALL_SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable

    from bellglass.sandboxes.wire.schema.basics import VariableState

MAX_STATE_BYTES = 8 * 1024**2
"""Maximum size of the state that the server keeps: about 200,000 objects."""

MAX_RECURSION_DEPTH = 500
"""Maximum depth of recursion. Monty has crashed on deeper calls."""

MAX_SUSPENSIONS = 1_000_000
"""Maximum number of sleeps and unknown names of a session; Monty's default is for one script."""

MAX_FEED_SECONDS = MAX_CALL_SECONDS + 10
"""Longer than the longest call: it ends a process whose server was killed."""


class Interpreter:
    """Runs code in Monty, one piece at a time."""

    def __init__(self, pool: AsyncMonty, memory_bytes: int) -> None:
        self._pool = pool
        self._memory_bytes = memory_bytes
        self._limits: ResourceLimits = {
            "max_memory": memory_bytes,
            "max_recursion_depth": MAX_RECURSION_DEPTH,
            "max_suspensions": MAX_SUSPENSIONS,
            "max_feed_duration_secs": MAX_FEED_SECONDS,
        }
        self._process = AsyncExitStack()
        self._session: AsyncMontySession | None = None
        self._state: bytes | None = None
        self._kept = False
        """A call has succeeded, so there is a state to restore."""

    async def __aenter__(self) -> Self:
        await self._begin()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self._end()

    async def feed(self, code: str, on_print: Callable[[str, str], None]) -> Any:
        """Run `code` and return the value of its last line.

        Cancelling it ends the process; call `restore` after that, as after a crash.

        Raises:
            MontyError: What the code raised, or MontyCrashedError if the process died.
        """
        assert self._session is not None
        # No files, host functions or names are provided, so code has nothing to call.
        return await self._session.feed_run(code, print_callback=on_print)

    def fresh(self) -> Interpreter:
        """Return a new interpreter with an empty state."""
        return Interpreter(self._pool, self._memory_bytes)

    async def keep(self) -> bool:
        """Save the state, in case the next call ends the process.

        Saving takes memory of the process, which ends if there is none left; then return False.
        """
        assert self._session is not None
        try:
            state = await self._session.dump()
        except (MontyError, RuntimeError):
            return False
        self._kept = True
        self._state = state if len(state) <= MAX_STATE_BYTES else None
        return True

    async def restore(self) -> VariableState:
        """Continue in another process; return what happened to the state."""
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
            # Monty limits sleeps by default; here the time limit of a call does.
            os_policy={"sleep_system_max": float("inf")},
        )
        self._session = await self._process.enter_async_context(checkout)

    async def _end(self) -> None:
        self._session = None
        process, self._process = self._process, AsyncExitStack()
        with anyio.CancelScope(shield=True):
            await process.aclose()
