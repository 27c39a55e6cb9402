"""The backends of a server: the one that runs code, and possibly another that checks it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio

from bellglass.sandboxes.lifecycle import lifecycle_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from anyio.abc import TaskGroup

    from bellglass.sandboxes.backend import Backend


class Backends:
    """Chooses each backend on first use, maintains it from then on, and closes it."""

    def __init__(
        self,
        tasks: TaskGroup,
        choose: Callable[[], Awaitable[Backend]],
        choose_for_checks: Callable[[], Awaitable[Backend | None]] | None,
        on_chosen: Callable[[Backend], None],
    ) -> None:
        """`on_chosen` is called once, with the backend that runs code."""
        self.checker: Backend | None = None
        """The backend that checks code, if it is another one and has been used."""
        self._tasks = tasks
        self._choose = choose
        self._choose_for_checks = choose_for_checks
        self._on_chosen = on_chosen
        self._choosing = anyio.Lock()
        self._backend: Backend | None = None

    async def chosen(self) -> Backend:
        """Return the backend that runs code.

        Raises:
            SandboxUnavailable: No backend works here. The next call tries again.
        """
        async with self._choosing:
            if self._backend is None:
                self._backend = await self._choose()
                self._tasks.start_soon(lifecycle_of(self._backend).maintain)
                self._on_chosen(self._backend)
            return self._backend

    async def for_checks(self) -> Backend | None:
        """Return the backend that checks code, or None if the one that runs it does."""
        async with self._choosing:
            if self._choose_for_checks is not None:
                self.checker = await self._choose_for_checks()
                self._choose_for_checks = None
                if self.checker is not None:
                    self._tasks.start_soon(lifecycle_of(self.checker).maintain)
        return self.checker

    async def aclose(self) -> None:
        """Close both; called when no sandbox is left."""
        for backend in (self._backend, self.checker):
            if backend is not None:
                await backend.aclose()
                if backend.network is not None:
                    await backend.network.aclose()
