"""Mounts of lent folders for the sandboxes of a zygote.

A server that is root of the machine makes a mount for each sandbox, in which the owner of the
folder is the sandbox's user, and hands it over. Another server has the sandbox's own uid already:
there the folders are part of the view that the zygote was started with.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import anyio

from bellglass.sandboxes.backends.embedded.failure import LaunchFailed
from bellglass.sandboxes.backends.embedded.inside import lending, namespaces
from bellglass.sandboxes.backends.embedded.stream import SignedStream, pair
from bellglass.sandboxes.folders.survey import UnsuitableFolder

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Sequence

    from bellglass.sandboxes.folders.lender import Lent

_MAX_KEPT_MAPS = 32
"""User namespaces that are kept: uids are used again, and making one takes a millisecond."""

Request = Callable[[dict[str, Any], "Sequence[int]"], "Awaitable[None]"]


class FolderMounts:
    """Makes the mounts of lent folders for one sandbox after the other."""

    def __init__(self, view: Sequence[Lent], request: Request) -> None:
        """Store what the zygote has in its view, and how to send it a request."""
        self._view = {each.folder.name: each.identity for each in view}
        self._request = request
        self._maps: dict[tuple[int, int | None, int], int] = {}
        self._mapping = anyio.Lock()

    @asynccontextmanager
    async def opened(self, lent: Sequence[Lent], uid: int | None) -> AsyncGenerator[list[int]]:
        """Yield a detached mount of each folder for a sandbox with this uid; none without one.

        Raises:
            LaunchFailed: A folder cannot be mounted.
            UnsuitableFolder: Another folder has taken the place of one in the zygote's view.
        """
        descriptors: list[int] = []
        try:
            for each in lent:
                if uid is None:
                    self._check_view(each)
                    continue
                idmap = await self._map(each.owner[0], each.group, uid)
                try:
                    descriptors.append(
                        lending.open_mapped(each.folder.path, idmap, writable=each.is_writable)
                    )
                except OSError as exc:
                    step = f"lend {each.folder.target}"
                    raise LaunchFailed(step, exc.errno or 0, str(exc)) from exc
            yield descriptors
        finally:
            for descriptor in descriptors:
                os.close(descriptor)

    def _check_view(self, lent: Lent) -> None:
        if self._view.get(lent.folder.name) != lent.identity:
            raise UnsuitableFolder(
                f"{lent.folder.target} ({lent.folder.path}): it was replaced by another folder "
                "after the server had started; start the server again"
            )

    async def _map(self, owner: int, group: int | None, uid: int) -> int:
        """Return a user namespace that maps the owner of a folder to the user of a sandbox."""
        key = (owner, group, uid)
        async with self._mapping:
            if key not in self._maps:
                if len(self._maps) >= _MAX_KEPT_MAPS:
                    os.close(self._maps.pop(next(iter(self._maps))))
                self._maps[key] = await self._make_map(owner, group, uid)
            return self._maps[key]

    async def _make_map(self, owner: int, group: int | None, uid: int) -> int:
        ours, theirs = pair(socket.SOCK_STREAM)
        stream = SignedStream(ours)
        try:
            with theirs:
                await self._request({"user_namespace": True}, [theirs.fileno()])
            _, process = await stream.receive_signed()
            namespaces.map_owner(owner, group, uid, process)
            return os.open(f"/proc/{process}/ns/user", os.O_RDONLY | os.O_CLOEXEC)
        except OSError as exc:
            raise LaunchFailed("map the owner of a folder", exc.errno or 0, str(exc)) from exc
        finally:
            await stream.aclose()

    def close(self) -> None:
        """Forget the user namespaces."""
        while self._maps:
            os.close(self._maps.popitem()[1])
