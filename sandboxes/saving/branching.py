"""Branches of a session: new ones that start with what it holds."""

from __future__ import annotations

from tempfile import TemporaryFile
from typing import TYPE_CHECKING

from anyio.to_thread import run_sync

from bellglass.sandboxes.saving import exchange

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from bellglass.sandboxes.sessions.session import Session

PIECE_BYTES = 4 * 1024**2


async def copy(session: Session, branch: Session) -> exchange.Revived:
    """Load what `session` holds into `branch`, which is new; calls on both wait meanwhile.

    Raises:
        NotSaved: It cannot be copied.
        SandboxError: As `Session.run`.
    """
    if not session.can_be_saved:
        raise exchange.NotSaved("it has run nothing yet, or this backend cannot copy sessions")
    with TemporaryFile() as archive:

        async def take(piece: bytes) -> None:
            await run_sync(archive.write, piece)

        async def write() -> None:
            archive.seek(0)
            archive.truncate()
            await exchange.save(session, take)

        async def pieces() -> AsyncGenerator[bytes]:
            archive.seek(0)
            while piece := await run_sync(archive.read, PIECE_BYTES):
                yield piece

        await exchange.until_saved(write)
        try:
            return await exchange.revive(branch, pieces)
        except exchange.NotRevived as exc:
            raise exchange.NotSaved(exc.reason) from exc
