"""Servers on stdio that tests use one after another: starting one costs more than most tests."""

import asyncio
import re
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

import anyio
from mcp import Client
from protocol.support import text_of

Open = Callable[[str, str], AbstractAsyncContextManager[Client]]
"""Starts a server, given the era of its client and the value of BELLGLASS_SESSION_SCOPE."""


class SharedClients:
    """A client for each era and each value of BELLGLASS_SESSION_SCOPE.

    It is opened at the first need, and anew after a test has ended its server.
    """

    def __init__(self, open_client: Open) -> None:
        self._open = open_client
        self._held: dict[tuple[str, str], tuple[asyncio.Task[None], Client]] = {}

    async def get(self, era: str, sessions: str) -> Client:
        if (era, sessions) not in self._held:
            client = asyncio.get_running_loop().create_future()
            task = asyncio.create_task(self._hold(era, sessions, client))
            await asyncio.wait([task, client], return_when=asyncio.FIRST_COMPLETED)
            self._held[era, sessions] = task, await client
        return self._held[era, sessions][1]

    async def _hold(self, era: str, sessions: str, opened: asyncio.Future[Client]) -> None:
        # In a task of its own: a context that outlives a test cannot be entered inside one.
        try:
            async with self._open(era, sessions) as client:
                opened.set_result(client)
                await anyio.sleep_forever()
        except Exception as exc:
            if opened.done():
                raise
            opened.set_exception(exc)

    async def leave(self, era: str, sessions: str) -> None:
        """Close what sessions a test has left: the next one starts with none."""
        client = await self.get(era, sessions)
        try:
            with anyio.fail_after(20):
                listing = text_of(await client.call_tool("list_sessions", {}))
                for session_id in re.findall(r"^session_id: (\S+)", listing, re.MULTILINE):
                    await client.call_tool("close_session", {"session_id": session_id})
        except BaseException:
            await self._end(era, sessions)
            raise

    async def aclose(self) -> None:
        for era, sessions in list(self._held):
            await self._end(era, sessions)

    async def _end(self, era: str, sessions: str) -> None:
        task, _ = self._held.pop((era, sessions))
        task.cancel()
        await asyncio.wait([task])
