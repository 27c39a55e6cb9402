"""Sessions at rest: saved before they end, and revived by the next call that names them."""

from __future__ import annotations

import logging
import os
import time
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

import anyio
from anyio.to_thread import run_sync

from bellglass.sandboxes.errors import SandboxError
from bellglass.sandboxes.saving import exchange
from bellglass.sandboxes.sessions.durations import duration

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Generator

    from bellglass.sandboxes.saving.store import SessionStore, Stored
    from bellglass.sandboxes.sessions.session import Session

logger = logging.getLogger(__name__)

MAX_SAVES = 2
"""Sessions that are saved at the same time: each takes a processor."""

ELSEWHERE = "another server goes on with it"


class Resting:
    """Saves the sessions of one server, and revives them; without a store it does neither."""

    def __init__(self, store: SessionStore | None) -> None:
        self._store = store
        self._turns = anyio.CapacityLimiter(MAX_SAVES)
        self._departing: dict[str, anyio.Event] = {}
        """Sessions that are being saved, or ended after that."""
        self._claims: dict[str, int] = {}
        """Descriptors that keep other servers from reviving a session that was revived here."""

    # --- saving

    def depart(self, session: Session) -> None:
        """Note that a session is about to be saved and to end: calls wait until `gone`."""
        self._departing[session.id] = anyio.Event()

    async def save(self, session: Session) -> bool:
        """Save a session, if there is anything to save; tell if it is. Raises nothing."""
        if self._store is None or not session.can_be_saved:
            return False
        try:
            async with self._turns:
                await exchange.until_saved(partial(self._save, session, self._store))
        except (SandboxError, OSError) as exc:
            reason = exc.strerror if isinstance(exc, OSError) else exc
            logger.warning("A session could not be saved: %s", reason)
            return False
        return True

    async def _save(self, session: Session, store: SessionStore) -> None:
        facts = session.id, session.owner, session.created_at, session.calls
        draft = await run_sync(store.begin, *facts)
        try:
            await exchange.save(session, lambda piece: run_sync(draft.write, piece))
            await run_sync(draft.keep)
        finally:
            draft.drop()

    def gone(self, session_id: str) -> None:
        """Note that a session has ended, with its sandbox."""
        if session_id in self._departing:
            self._departing.pop(session_id).set()
        if session_id in self._claims:
            os.close(self._claims.pop(session_id))

    # --- reviving

    async def find(self, session_id: str, owner: str | None) -> Stored | None:
        """Return what is saved of a session of that owner; wait until it has departed."""
        if session_id in self._departing:
            await self._departing[session_id].wait()
        if self._store is None:
            return None
        try:
            return await run_sync(self._store.find, session_id, owner)
        except OSError as exc:
            logger.warning("Saved sessions cannot be read: %s", exc.strerror)
            return None

    @contextmanager
    def claimed(self, session_id: str, stored: Stored | None) -> Generator[None]:
        """Keep other servers from reviving what is saved, until it is `gone`, or on an exception.

        Raises:
            NotRevived: Another server goes on with it.
        """
        if stored is not None:
            self._claims[session_id] = self._claim(session_id)
        try:
            yield
        except BaseException:
            self.gone(session_id)
            raise

    def _claim(self, session_id: str) -> int:
        assert self._store is not None
        try:
            claim = self._store.claim(session_id)
        except OSError as exc:
            raise exchange.NotRevived(exc.strerror or "it cannot be read") from exc
        if claim is None:
            raise exchange.NotRevived(ELSEWHERE)
        return claim

    async def revive(self, session: Session, stored: Stored) -> None:
        """Load what is saved into a session that is new; its next result tells what came back.

        Raises:
            NotRevived: It cannot be loaded, and is still saved.
            SandboxError: As `Session.run`.
        """

        async def pieces() -> AsyncGenerator[bytes]:
            source = stored.pieces()
            while piece := await run_sync(next, source, b""):
                yield piece

        try:
            revived = await exchange.revive(session, pieces)
        except OSError as exc:
            raise exchange.NotRevived(exc.strerror or "it cannot be read") from exc
        ago = duration(time.time() - stored.record.saved_at)
        how = f"This session was saved {ago} ago, and has been revived as it was then"
        session.news.append(revived.told(how))

    async def remove(self, session_id: str, owner: str | None) -> bool:
        """Delete what is saved of a session; tell if there was something of that owner's."""
        stored = await self.find(session_id, owner)
        if stored is None:
            return False
        await run_sync(stored.remove)
        return True
