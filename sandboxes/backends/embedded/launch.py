"""Launch one sandbox with a launcher and a control group, and end it."""

from __future__ import annotations

import json
import os
import socket
from contextlib import (
    AbstractAsyncContextManager,
    AsyncExitStack,
    asynccontextmanager,
    contextmanager,
)
from dataclasses import asdict
from typing import TYPE_CHECKING, Protocol

import anyio
from anyio import BrokenResourceError, EndOfStream

from bellglass.sandboxes.backends.embedded.failure import LaunchFailed
from bellglass.sandboxes.backends.embedded.inside import namespaces
from bellglass.sandboxes.backends.embedded.sandbox import Sandbox
from bellglass.sandboxes.backends.embedded.stream import SignedStream, pair
from bellglass.sandboxes.confinement.resource_limits import offer_to_oom_killer
from bellglass.sandboxes.folders.lender import copies
from bellglass.sandboxes.wire.framing import HEADER_BYTES, body_bytes, encode

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterator, Sequence

    from bellglass.sandboxes.backends.embedded.cgroups import Cgroups, Group
    from bellglass.sandboxes.backends.embedded.uids import Uids
    from bellglass.sandboxes.folders.lender import Lender, Lent
    from bellglass.sandboxes.session_limits import Limits

LAUNCH_TIMEOUT_SECONDS = 20.0
"""Timeout for a new sandbox; it usually takes a hundredth of a second."""

_MAX_FRAME_BYTES = 64 * 1024


class Launcher(Protocol):
    """A way of starting the first process of a sandbox."""

    @property
    def name(self) -> str: ...

    @property
    def alive(self) -> bool: ...

    @property
    def preloaded(self) -> Sequence[str]: ...

    @property
    def visible_paths(self) -> Sequence[str]:
        """Paths of this machine that sandboxes see because their Python needs them."""

    @property
    def control(self) -> int | None:
        """The descriptor whose closing ends all sandboxes; None if they end with this server."""

    @property
    def server_maps_uid(self) -> bool:
        """Whether the server maps the user of a sandbox; otherwise the launcher does."""

    def launched(
        self, stream: socket.socket, group: Group, uid: int | None, lent: Sequence[Lent]
    ) -> AbstractAsyncContextManager[None]:
        """Start a sandbox with these descriptors. Leaving the context ends the launcher's part."""

    async def aclose(self) -> None: ...


@asynccontextmanager
async def launch(
    launcher: Launcher, limits: Limits, cgroups: Cgroups, uids: Uids | None, lender: Lender
) -> AsyncGenerator[Sandbox]:
    """Make a sandbox; leaving the context ends it, unless it was left to another server.

    `uids`: the source of uids, if each sandbox can have its own.

    Raises:
        LaunchFailed: A step failed, and no code was executed.
        UnsuitableFolder: A folder cannot be lent as it is now.
    """
    lent = await lender.look()
    async with AsyncExitStack() as stack:
        uid = None if uids is None else await stack.enter_async_context(uids.taken())
        sandbox = await stack.enter_async_context(_launch(launcher, limits, cgroups, uid, lent))
        if uids is not None and uid is not None:
            sandbox.needed.append(uids.lock_of(uid))
        yield sandbox


@asynccontextmanager
async def _launch(
    launcher: Launcher, limits: Limits, cgroups: Cgroups, uid: int | None, lent: Sequence[Lent]
) -> AsyncGenerator[Sandbox]:
    ours, theirs = pair(socket.SOCK_STREAM)
    attach, their_attach = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs, their_attach, cgroups.group(limits) as group:
        sandbox = Sandbox(SignedStream(ours), attach, group)
        if (control := launcher.control) is not None:
            group.counters["attach_fd"] = os.dup(their_attach.fileno())
            sandbox.needed.append(control)
            sandbox.may_be_left = True
        # The cleanup is shielded: a cancelled call must not leave a process or a group behind.
        try:
            async with launcher.launched(theirs, group, uid, lent):
                try:
                    theirs.close()
                    their_attach.close()
                    with _explained():
                        await _settle(sandbox, limits, launcher, uid, lent)
                    group.close()
                    yield sandbox
                finally:
                    with anyio.CancelScope(shield=True):
                        await sandbox.end()
        finally:
            with anyio.CancelScope(shield=True):
                await sandbox.end()
                group.close()
                await sandbox.remove_group()


@contextmanager
def _explained() -> Iterator[None]:
    try:
        with anyio.fail_after(LAUNCH_TIMEOUT_SECONDS):
            yield
    except TimeoutError as exc:
        raise LaunchFailed("start a sandbox", 0, "it took too long") from exc
    except (EndOfStream, BrokenResourceError) as exc:
        raise LaunchFailed("start a sandbox", 0, "its first process ended") from exc
    except OSError as exc:
        raise LaunchFailed("take over a sandbox", exc.errno or 0, str(exc)) from exc


async def _settle(
    sandbox: Sandbox, limits: Limits, launcher: Launcher, uid: int | None, lent: Sequence[Lent]
) -> None:
    """Do the server's part of inside/sandbox.py."""
    group = sandbox.group
    given = {**asdict(limits), "counted_by_group": int(group.bounds_memory)}
    config = {
        "limits": given,
        "workspace": "/work",
        "preload": [*launcher.preloaded],
        # Mounts come with the request to the zygote; bubblewrap makes its own.
        "folders": [each.folder.base for each in lent] if uid is not None else [],
        "masks": [mask for each in lent for mask in each.masks],
        "copies": copies(lent, in_layer=launcher.name == "zygote"),
        "writable": [each.folder.target for each in lent if each.is_writable],
    }
    await sandbox.stream.send(encode(config))
    first, pid = await sandbox.stream.receive_signed()
    if first != b"p":
        raise LaunchFailed.from_frame(await receive_frame(sandbox.stream, first))
    sandbox.pidfd = os.pidfd_open(pid)
    if uid is not None:
        offer_to_oom_killer(pid)
    if uid is not None and launcher.server_maps_uid:
        namespaces.map_ids((namespaces.INSIDE_ID,) * 2, (uid, uid), pid)
    await group.add(pid)
    await sandbox.stream.send(b"g")
    frame = await receive_frame(sandbox.stream)
    if frame.get("type") != "confined":
        raise LaunchFailed.from_frame(frame)


async def receive_frame(stream: SignedStream, start: bytes = b"") -> dict[str, object]:
    """Receive a frame before any code of a session has run; `start` was received already."""
    header = start + await stream.receive_exactly(HEADER_BYTES - len(start))
    frame = json.loads(await stream.receive_exactly(body_bytes(header, _MAX_FRAME_BYTES)))
    assert isinstance(frame, dict)
    return frame
