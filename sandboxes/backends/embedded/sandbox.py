"""One running sandbox, as the server that uses it holds it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from bellglass.sandboxes.backends.embedded.process import end_process

if TYPE_CHECKING:
    import socket

    from bellglass.sandboxes.backends.embedded.cgroups import Group
    from bellglass.sandboxes.backends.embedded.stream import SignedStream


class Sandbox:
    """Process 1 and the descriptors by which it lives.

    It lives as long as somebody holds its stream or its `attach` socket.
    """

    def __init__(self, stream: SignedStream, attach: socket.socket, group: Group) -> None:
        self.stream = stream
        self.attach = attach
        """Brings process 1 the stream of another server, once this one is gone."""
        self.group = group
        self.pidfd: int | None = None
        self.needed: list[int] = []
        """Descriptors of others that stay open as long as it exists."""
        self.may_be_left = False
        """Whether its launcher, too, can outlive this server."""
        self.held = False
        """Whether the keeper has it, too."""
        self.left = False
        """Whether it is left to another server, so that `end` does not end it."""

    async def end(self) -> None:
        """Kill its processes and wait for their end; close what is its own."""
        await self.stream.aclose()
        self.attach.close()
        if self.pidfd is not None:
            pidfd, self.pidfd = self.pidfd, None
            if self.left:
                os.close(pidfd)
            else:
                await end_process(pidfd)

    async def remove_group(self) -> None:
        if not self.left:
            await self.group.remove()
