"""The connection to a command in a machine: its output comes over it, and how it ended."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import anyio

from bellglass.sandboxes.backends.e2b.errors import kind_of
from bellglass.sandboxes.execution import clean

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from bellglass.sandboxes.backends.e2b.machines.machine import Machine

logger = logging.getLogger(__name__)

DISCONNECT_TIMEOUT_SECONDS = 1.0

_MAX_ERROR_CHARACTERS = 300


class Connection:
    """One connection at a time: two would mix their halves of a line."""

    def __init__(self, machine: Machine, feed: Callable[[str], Awaitable[None]]) -> None:
        """`feed` gets what the command prints, in order."""
        self.pid = 0
        """Of the command, in the machine."""
        self._machine = machine
        self._feed = feed
        self._handle: Any = None
        self._errors = ""

    async def start(self, command: str) -> None:
        """Start the command.

        Raises:
            E2BError: It does not start.
        """
        self._handle = await self._machine.start(command, self._feed, self._note_error)
        self.pid = self._handle.pid

    async def attach(self, pid: int) -> None:
        """Connect to a command that runs already; an older connection ends.

        Raises:
            E2BError: It is not there.
        """
        await self.close()
        self.pid = pid
        self._handle = await self._machine.reconnect(pid, self._feed, self._note_error)

    async def ended(self) -> int | None:
        """Wait for the end of the command, and return its exit code; None if the connection ends.

        That may be so after `close` in another task.
        """
        try:
            await self._handle.wait()
        except anyio.get_cancelled_exc_class():
            # Ours, or that of the handle, by `close`.
            await anyio.lowlevel.checkpoint_if_cancelled()
            return None
        except Exception as exc:
            # Below the SDK our cancellation becomes an error.
            await anyio.lowlevel.checkpoint_if_cancelled()
            exit_code = getattr(exc, "exit_code", None)
            if isinstance(exit_code, int):
                return exit_code
            logger.info("E2B: a connection was cut (%s)", kind_of(exc))
            return None
        return 0

    async def close(self) -> None:
        """End the connection. The command goes on."""
        if self._handle is not None:
            with anyio.move_on_after(DISCONNECT_TIMEOUT_SECONDS, shield=True):
                await self._handle.disconnect()
                await self.ended()  # so that somebody has asked how it ended

    @property
    def last_words(self) -> str:
        """The end of what the command wrote to stderr, in one line."""
        return " ".join(clean(self._errors).split())

    async def _note_error(self, text: str) -> None:
        self._errors = (self._errors + text)[-_MAX_ERROR_CHARACTERS:]
