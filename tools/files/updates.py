"""Subscriptions to files of sessions, of modern clients (by the SDK) and legacy ones (ours)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mcp.server.subscriptions import InMemorySubscriptionBus
from mcp.shared.subscriptions import ResourceUpdated

from bellglass.tools.files.addresses import file_uri

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from mcp.shared.subscriptions import ServerEvent

    from bellglass.sandboxes.sessions.session import Session


class Updates(InMemorySubscriptionBus):
    """The subscribers to files: the SDK's listeners of modern clients, and ours of legacy ones."""

    def __init__(self) -> None:
        super().__init__()
        self._watchers: set[object] = set()

    def subscribe(self, listener: Callable[[ServerEvent], None]) -> Callable[[], None]:
        end = super().subscribe(listener)
        watcher = object()
        self._watchers.add(watcher)

        def unsubscribe() -> None:
            end()
            self._watchers.discard(watcher)

        return unsubscribe

    async def changed(self, session: Session, paths: Iterable[str]) -> None:
        """Notify the subscribers to one of these files of the session."""
        if self._watchers:
            for path in paths:
                await self.publish(ResourceUpdated(uri=file_uri(session.id, path)))
