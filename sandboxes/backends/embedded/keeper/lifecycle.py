"""The lifecycle of a backend whose sandboxes the keeper may hold."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bellglass.sandboxes.lifecycle import Lifecycle

if TYPE_CHECKING:
    from bellglass.sandboxes.backends.embedded.keeper.kept_sessions import KeptSessions
    from bellglass.sandboxes.egress.network import Network


class KeeperLifecycle(Lifecycle):
    """Sessions may outlive the backend. With a network, their connections go through it: not then.

    The methods are those of `Lifecycle`.
    """

    _kept: KeptSessions
    network: Network | None

    def on_session_start(self, session_id: str, owner: str | None, created_at: float) -> None:
        self._kept.start(session_id, owner, created_at)

    def outlive(self, session_id: str, seconds: float, until: float) -> None:
        if self.network is None:
            self._kept.outlive(session_id, seconds, until)

    def on_session_end(self, session_id: str) -> None:
        self._kept.end(session_id)

    async def reattach(self, session_id: str, owner: str | None) -> float | None:
        return await self._kept.claim(session_id, owner) if self.network is None else None

    async def maintain(self) -> None:
        await self._kept.run()
